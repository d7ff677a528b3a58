"""``fprom outbox show``, ``retry``, ``delete`` and ``export``: single rows."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..outbox.admin import inspect_outbox
from .decorators import with_fprom
from .output import moment, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..account import Fprom
    from ..outbox.admin import Inspection, OutboxRow

_numbers = click.argument("numbers", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))


@click.command()
@click.argument("number", metavar="ID", type=click.IntRange(min=1))
@with_fprom
def show(fprom: Fprom, *, number: int) -> None:
    """Show one lead, masked."""
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        kept = inspection.find(number)
    if kept is None:
        raise _no_lead(number)
    show_table(
        ("field", "value"),
        [
            ("id", str(kept.id)),
            ("state", "rejected" if kept.rejected else "pending"),
            ("queued at", moment(kept.queued_at)),
            ("due at", moment(kept.due_at)),
            ("calls", str(kept.attempts)),
            ("rejected at", moment(kept.rejected_at)),
            ("reason", kept.reason or "-"),
            ("lead", repr(kept.lead)),
        ],
    )


@click.command()
@_numbers
@click.option("--all", "all_of_them", is_flag=True, help="Every rejected lead.")
@with_fprom
def retry(fprom: Fprom, *, numbers: tuple[int, ...], all_of_them: bool) -> None:
    """Send rejected leads again, as if they had never been tried."""
    _one_of_both(numbers, all_of_them=all_of_them)
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        for number in numbers:
            kept = _find(inspection, number)
            if not kept.rejected:
                msg = f"lead {number} is pending: it is tried again by itself."
                raise click.ClickException(msg)
        done = inspection.retry(None if all_of_them else numbers)
    click.echo(f"{_leads(done)} due now")


@click.command()
@_numbers
@click.option("--all", "all_of_them", is_flag=True, help="Every rejected lead.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@with_fprom
def delete(fprom: Fprom, *, numbers: tuple[int, ...], all_of_them: bool, yes: bool) -> None:
    """Delete leads for good: by ID, waiting ones too; by --all, the rejected ones."""
    _one_of_both(numbers, all_of_them=all_of_them)
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        if all_of_them:
            what = f"{_leads(inspection.stats().rejected)} that FirstPromoter rejected"
        else:
            waiting = sum(not _find(inspection, number).rejected for number in numbers)
            what = f"{_leads(len(numbers))}, {waiting} of them not sent yet"
        if not yes:
            _ask(f"Delete {what}?")
        done = inspection.delete(None if all_of_them else numbers)
    click.echo(f"{_leads(done)} deleted")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rejected", "rejected_only", is_flag=True, help="Only what was rejected.")
@with_fprom
def export(fprom: Fprom, *, file: Path, rejected_only: bool) -> None:
    """Write every lead with its whole values to a new FILE, one JSON object per line.

    The file holds personal data; only its owner may read it.
    """
    done = 0
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        # First a look: a database that refuses must not leave an empty file behind.
        inspection.stats()
        try:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            msg = f"{click.format_filename(file)} cannot be made: {error.strerror}."
            raise click.ClickException(msg) from None
        with os.fdopen(number, "w", encoding="ascii") as lines:
            for kept in inspection.everything(rejected_only=rejected_only):
                lines.write(_line(kept))
                done += 1
    click.echo(f"{_leads(done)} written to {click.format_filename(file)}")


def _line(kept: OutboxRow) -> str:
    state = "rejected" if kept.rejected else "pending"
    return json.dumps(asdict(kept) | {"state": state, "lead": kept.lead.to_json()}) + "\n"


def _one_of_both(numbers: Sequence[int], *, all_of_them: bool) -> None:
    if bool(numbers) == all_of_them:
        msg = "name leads by their IDs, or all rejected ones by --all."
        raise click.UsageError(msg)


def _find(inspection: Inspection, number: int) -> OutboxRow:
    kept = inspection.find(number)
    if kept is None:
        raise _no_lead(number)
    return kept


def _no_lead(number: int) -> click.ClickException:
    return click.ClickException(f"there is no lead {number} in this account's outbox.")


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        msg = "there is no terminal to ask on: add --yes."
        raise click.UsageError(msg)
    click.confirm(question, abort=True)


def _leads(number: int) -> str:
    return f"{number} lead" if number == 1 else f"{number} leads"
