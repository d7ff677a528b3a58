"""``fprom outbox``: what waits, what was refused, and what a person does about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ..database.database import NoOutboxError
from ..masking import mask_email, mask_tail, printable
from ..outbox.admin import AGES, OLDEST, State
from ..outbox.stats import Stats
from ..timestamps import span
from .decorators import with_inspection
from .events import delete, export, retry, show
from .move import move
from .output import advice, moment, show_table
from .rows import as_figures, show_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..outbox.admin import Inspection, OutboxRow

F = TypeVar("F", bound="Callable[..., Any]")

_LABELS: Final = {
    **{name: f"under {span(bound)}" for name, bound in AGES},
    OLDEST: f"{span(AGES[-1][1])} and more",
}


def _list_options(command: F) -> F:
    as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
    limit = click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=50,
        show_default=True,
        help="How many events to list.",
    )
    state = click.option(
        "--state",
        type=click.Choice([state.value for state in State]),
        help="List the newest events of one state, in place of the figures.",
    )
    return as_json(limit(state(command)))


@click.group(invoke_without_command=True)
@_list_options
@click.pass_context
def outbox(context: click.Context, *, as_json: bool, limit: int, state: str | None) -> None:
    """Show what waits, since when, and what FirstPromoter rejected.

    E-mails are masked; `fprom outbox export` writes whole values.
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json, limit=limit, state=state)


@with_inspection
def _list(inspection: Inspection, *, as_json: bool, limit: int, state: str | None) -> None:
    if not as_json:
        if state is None:
            _tell(inspection, inspection.stats(), inspection.rejected(limit))
        else:
            click.echo(f"outbox: {inspection.place}")
            show_rows(inspection.newest(limit, state=State(state)))
        return
    try:
        figures = _figures(inspection, limit)
        if state is not None:
            rows = inspection.newest(limit, state=State(state))
            figures["events"] = [as_figures(row) for row in rows]
    except NoOutboxError:
        figures = dict(Stats()) | {"outbox": None}
    # The memory is that of the web processes: this one cannot know.
    del figures["not_durable"], figures["hook_errors"]
    click.echo(json.dumps(figures, indent=2))


@click.command("list")
@_list_options
def list_all(*, as_json: bool, limit: int, state: str | None) -> None:
    """Do as `fprom outbox` without a command does."""
    _list(as_json=as_json, limit=limit, state=state)


def _figures(inspection: Inspection, limit: int) -> dict[str, Any]:
    return dict(inspection.stats()) | {
        "outbox": inspection.place,
        "ages": inspection.ages(),
        "other_accounts": inspection.others(),
        "rejected_events": [
            {
                "id": row.id,
                "kind": row.kind,
                "rejected_at": moment(row.rejected_at),
                "reason": row.reason,
                "attempts": row.attempts,
                "email": row.event and mask_email(row.event.email),
                "uid": row.event and mask_tail(row.event.uid),
            }
            for row in inspection.rejected(limit)
        ],
    }


def _tell(inspection: Inspection, stats: Stats, rejected: Sequence[OutboxRow]) -> None:
    click.echo(f"outbox: {inspection.place}")
    oldest = "" if stats.oldest_age is None else f", the oldest for {span(stats.oldest_age)}"
    click.echo(f"pending: {stats.pending}{oldest}")
    if stats.pending:
        ages = inspection.ages().items()
        show_table(("age", "events"), [(_LABELS[name], str(count)) for name, count in ages])
    if stats.paused is not None:
        click.echo(advice(stats))
    click.echo(f"rejected: {stats.rejected}")
    if rejected:
        head = ("id", "kind", "rejected at", "reason", "calls", "who")
        show_table(head, [_cells(row) for row in rejected])
    if len(rejected) < stats.rejected:
        click.echo(f"{stats.rejected - len(rejected)} more: --limit {stats.rejected}")
    tell_others(inspection)


def tell_others(inspection: Inspection) -> None:
    """Say which other accounts' events wait in the same outbox, where some do."""
    for account, count in inspection.others().items():
        events = "event" if count == 1 else "events"
        click.echo(
            f"{count} {events} of account {printable(account)} wait here too: drain them with that "
            "account's FPROM_ACCOUNT_ID and FPROM_API_KEY"
        )


def _cells(row: OutboxRow) -> tuple[str, ...]:
    calls = str(row.attempts)
    who = row.who or "-"
    return str(row.id), row.kind, moment(row.rejected_at), row.reason or "-", calls, who


for _command in (list_all, show, retry, delete, export, move):
    outbox.add_command(_command)
