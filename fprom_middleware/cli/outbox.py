"""``fprom outbox``: what waits, what was refused, and what a person does about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from ..masking import mask_email, mask_tail
from ..outbox.admin import AGES, OLDEST, inspect_outbox
from .decorators import with_fprom
from .drain import advice
from .leads import delete, export, retry, show
from .output import moment, show_table, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..account import Fprom
    from ..outbox.admin import Inspection, OutboxRow
    from ..outbox.stats import Stats

_LABELS: Final = {
    **{name: f"under {span(bound)}" for name, bound in AGES},
    OLDEST: f"{span(AGES[-1][1])} and more",
}


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many rejected leads to list.",
)
@click.pass_context
def outbox(context: click.Context, *, as_json: bool, limit: int) -> None:
    """Show what waits, since when, and what FirstPromoter rejected.

    E-mails are masked; `fprom outbox export` writes whole values.
    """
    if context.invoked_subcommand is None:
        _overview(as_json=as_json, limit=limit)


@with_fprom
def _overview(fprom: Fprom, *, as_json: bool, limit: int) -> None:
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        tell = _tell_json if as_json else _tell
        tell(inspection, inspection.stats(), inspection.rejected(limit))


def _tell_json(inspection: Inspection, stats: Stats, rejected: Sequence[OutboxRow]) -> None:
    figures: dict[str, Any] = dict(stats)
    # The memory is that of the web processes: this one cannot know.
    del figures["not_durable"], figures["hook_errors"]
    figures["ages"] = inspection.ages()
    figures["rejected_leads"] = [
        {
            "id": kept.id,
            "rejected_at": moment(kept.rejected_at),
            "reason": kept.reason,
            "attempts": kept.attempts,
            "email": mask_email(kept.lead.email),
            "uid": mask_tail(kept.lead.uid),
        }
        for kept in rejected
    ]
    click.echo(json.dumps(figures, indent=2))


def _tell(inspection: Inspection, stats: Stats, rejected: Sequence[OutboxRow]) -> None:
    oldest = "" if stats.oldest_age is None else f", the oldest for {span(stats.oldest_age)}"
    click.echo(f"pending: {stats.pending}{oldest}")
    if stats.pending:
        ages = inspection.ages().items()
        show_table(("age", "leads"), [(_LABELS[name], str(count)) for name, count in ages])
    if stats.paused is not None:
        click.echo(f"paused since {moment(stats.paused_since)}: {advice(stats.paused)}")
    click.echo(f"rejected: {stats.rejected}")
    if rejected:
        show_table(("id", "rejected at", "reason", "calls", "who"), [_cells(k) for k in rejected])
    if len(rejected) < stats.rejected:
        click.echo(f"{stats.rejected - len(rejected)} more: --limit {stats.rejected}")


def _cells(kept: OutboxRow) -> tuple[str, ...]:
    who = mask_email(kept.lead.email) or f"uid {mask_tail(kept.lead.uid)}"
    return str(kept.id), moment(kept.rejected_at), kept.reason or "-", str(kept.attempts), who


for command in (show, retry, delete, export):
    outbox.add_command(command)
