"""What a person sees: tables and bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from ..events.receipt import Reason
from ..masking import printable
from ..timestamps import from_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox.stats import Stats
    from .terminal import Terminal


def terminal() -> Terminal | None:
    """Return what draws where a person looks; None in a pipe, and where rich is missing."""
    if not sys.stdout.isatty() or find_spec("rich") is None:
        return None
    from .terminal import Terminal  # noqa: PLC0415 - a pipe need not load rich

    return Terminal()


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show rows: drawn on a terminal, in aligned columns elsewhere.

    Args:
        head: The columns' names.
        rows: Cells; what a terminal would obey is escaped.
    """
    rows = [[printable(cell) for cell in row] for row in rows]
    drawn = terminal()
    if drawn is not None:
        drawn.table(head, rows)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def advice(stats: Stats) -> str:
    """Say what a pause is about, what ends it, and when the next try is.

    Args:
        stats: Of an outbox that is paused.
    """
    pause = f"paused since {moment(stats.paused_since)}: {stats.paused}. {stats.advice}"
    text = f"{pause} The next try is at {moment(stats.next_try_at)}"
    if stats.paused == Reason.UNAUTHORIZED:
        text += "; once they are right, `fprom resume` ends the pause"
    return f"{text}."


def moment(epoch: float | None) -> str:
    """Write a moment in UTC.

    Args:
        epoch: Seconds since the epoch.

    Returns:
        Such as ``2025-04-25T09:29:51Z``; ``-`` for None, ``?`` for what a damaged row holds.
    """
    if epoch is None:
        return "-"
    found = from_epoch(epoch)
    return "?" if found is None else found.strftime("%Y-%m-%dT%H:%M:%SZ")
