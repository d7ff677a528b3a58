"""``fprom outbox show``, ``retry``, ``delete`` and ``export``: single rows."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ..outbox.admin import State
from ..outbox.lookup import find_of
from .decorators import with_inspection
from .output import moment, show_table
from .rows import say_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox.admin import Inspection, OutboxRow

_NOT_AGAIN: Final = {
    State.PENDING: "it is tried again by itself.",
    State.DELIVERED: "nothing is left of it that could be sent.",
}
_numbers = click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))


@click.command()
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@with_inspection
def show(inspection: Inspection, *, number: int) -> None:
    """Show one event, masked."""
    row = _find(inspection, number)
    show_table(
        ("field", "value"),
        [
            ("id", str(row.id)),
            ("kind", row.kind),
            ("state", say_state(row)),
            ("queued at", moment(row.queued_at)),
            ("due at", moment(row.due_at)),
            ("calls", str(row.attempts)),
            ("rejected at", moment(row.rejected_at)),
            ("delivered at", moment(row.delivered_at)),
            ("reason", row.reason or "-"),
            ("event", _say_event(row)),
        ],
    )


@click.command()
@_numbers
@click.option("--all", "all_of_them", is_flag=True, help="Every rejected event.")
@with_inspection
def retry(inspection: Inspection, *, numbers: tuple[int, ...], all_of_them: bool) -> None:
    """Send rejected events again, as if they had never been tried."""
    _one_of_both(numbers, all_of_them=all_of_them)
    for number in numbers:
        state = _find(inspection, number).state
        if state is not State.REJECTED:
            msg = f"event {number} is {state}: {_NOT_AGAIN[state]}"
            raise click.ClickException(msg)
    done = inspection.retry(None if all_of_them else numbers)
    click.echo(f"{count_events(done)} due now")


@click.command()
@_numbers
@click.option("--all", "all_of_them", is_flag=True, help="Every rejected event.")
@click.option("--of", "whom", metavar="EMAIL|UID", help="Every event of a customer.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@with_inspection
def delete(
    inspection: Inspection,
    *,
    numbers: tuple[int, ...],
    all_of_them: bool,
    whom: str | None,
    yes: bool,
) -> None:
    """Delete events for good: by ID or customer, waiting ones too; by --all, the rejected ones."""
    rows: Sequence[OutboxRow]
    if whom is None:
        _one_of_both(numbers, all_of_them=all_of_them)
        rows = [_find(inspection, number) for number in numbers]
    else:
        rows = _all_of(inspection, whom, other=bool(numbers) or all_of_them)
        numbers = tuple(row.id for row in rows)
    if all_of_them:
        what = f"{count_events(inspection.stats().rejected)} that FirstPromoter rejected"
    else:
        waiting = sum(row.state is State.PENDING for row in rows)
        what = f"{count_events(len(numbers))}, {waiting} of them not sent yet"
    if not yes:
        _ask(f"Delete {what}?")
    done = inspection.delete(None if all_of_them else numbers)
    click.echo(f"{count_events(done)} deleted")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rejected", "rejected_only", is_flag=True, help="Only what was rejected.")
@with_inspection
def export(inspection: Inspection, *, file: Path, rejected_only: bool) -> None:
    """Write every event with its whole values to a new FILE, one JSON object per line.

    The file holds personal data; only its owner may read it.
    """
    # First a look: a database that refuses must not leave an empty file behind.
    inspection.stats()
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = f"{click.format_filename(file)} cannot be made: {error.strerror}."
        raise click.ClickException(msg) from None
    done = 0
    with os.fdopen(number, "w", encoding="ascii") as lines:
        for row in inspection.everything(rejected_only=rejected_only):
            lines.write(_line(row))
            done += 1
    click.echo(f"{count_events(done)} written to {click.format_filename(file)}")


def count_events(number: int) -> str:
    """Write a number of events."""
    return f"{number} event" if number == 1 else f"{number} events"


def _say_event(row: OutboxRow) -> str:
    if row.state is State.DELIVERED:
        return "delivered: its personal data are gone"
    if row.event is None:
        return "unreadable; `fprom outbox export` writes it as it is"
    return repr(row.event)


def _all_of(inspection: Inspection, whom: str, *, other: bool) -> Sequence[OutboxRow]:
    if other or not whom.strip():
        msg = "name a customer by --of, events by their IDs, or all rejected ones by --all."
        raise click.UsageError(msg)
    if not inspection.outbox.history.has_key:
        msg = "what was delivered cannot be found without FPROM_API_KEY: set it."
        raise click.ClickException(msg)
    return find_of(inspection, whom)


def _line(row: OutboxRow) -> str:
    fields = asdict(row) | {
        "state": row.state,
        "event": row.event and row.event.to_json(),
    }
    if row.event is not None:
        del fields["payload"]
    return json.dumps(fields, default=str) + "\n"


def _one_of_both(numbers: Sequence[int], *, all_of_them: bool) -> None:
    if bool(numbers) == all_of_them:
        msg = "name events by their IDs, or all rejected ones by --all."
        raise click.UsageError(msg)


def _find(inspection: Inspection, number: int) -> OutboxRow:
    row = inspection.find(number)
    if row is None:
        msg = f"there is no event {number} in this account's outbox."
        raise click.ClickException(msg)
    return row


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        msg = "there is no terminal to ask on: add --yes."
        raise click.UsageError(msg)
    click.confirm(question, abort=True)
