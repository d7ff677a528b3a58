"""What a person sees: tables and bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .terminal import Terminal

_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


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
        rows: Cells that hold nothing a terminal would obey.
    """
    drawn = terminal()
    if drawn is not None:
        drawn.table(head, rows)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def span(seconds: float) -> str:
    """Write a length of time in its largest unit.

    Args:
        seconds: How long.

    Returns:
        Such as ``3 min``.
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def moment(epoch: float | None) -> str:
    """Write a moment in UTC.

    Args:
        epoch: Seconds since the epoch.

    Returns:
        Such as ``2025-04-25T09:29:51Z``; ``-`` for None.
    """
    if epoch is None:
        return "-"
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
