"""What is drawn on a terminal, with rich."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Terminal:
    """Tables and bars for a person who looks."""

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Draw a table."""
        table = Table(*head)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        Console().print(table)

    @contextmanager
    def bar(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """Draw a bar for as long as the block runs.

        Args:
            label: What goes on.

        Yields:
            Takes how much is done, and of how much.
        """
        columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns) as progress:
            task = progress.add_task("", total=None)
            yield lambda done, goal: progress.update(task, completed=done, total=goal)
