"""Tables of the page: every value escaped, control characters made visible."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ..masking import printable
from .currencies import format_amount
from .records import iso

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_LOOKS = {200: "ok", 204: "again", 409: "again", 422: "again"}


def escape(value: str | None) -> str:
    """Make a value text of the page.

    Args:
        value: Anything that arrived.

    Returns:
        HTML without markup of the value's; a dash for None.
    """
    return "—" if value is None else html.escape(printable(value))


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, empty: str) -> str:
    """Write a table.

    Args:
        heads: The columns' names, as HTML.
        rows: Cells, as the functions below write them.
        empty: What stands there when there is no row, as HTML.

    Returns:
        The HTML.
    """
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    if not body:
        return f'<p class="empty">{empty}</p>'
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def text(value: str | None) -> str:
    """Write a cell of words.

    Args:
        value: Anything that arrived.

    Returns:
        The cell.
    """
    return f"<td>{escape(value)}</td>"


def code(value: str | None) -> str:
    """Write a cell of a program's text.

    Args:
        value: Anything that arrived.

    Returns:
        The cell.
    """
    return f'<td class="code"><div>{escape(value)}</div></td>'


def ident(value: str | None) -> str:
    """Write a cell of an id, which is not broken into lines.

    Args:
        value: Anything that arrived.

    Returns:
        The cell.
    """
    return f'<td class="id">{escape(value)}</td>'


def time(moment: datetime) -> str:
    """Write a cell of a moment.

    Args:
        moment: The moment, aware.

    Returns:
        The cell.
    """
    return f'<td class="time">{iso(moment)}</td>'


def count(number: int) -> str:
    """Write a cell of a number.

    Args:
        number: The number.

    Returns:
        The cell.
    """
    return f'<td class="number">{number}</td>'


def amount(value: int, currency: str) -> str:
    """Write a cell of an amount.

    Args:
        value: In minor units.
        currency: Of which currency.

    Returns:
        The cell.
    """
    return f'<td class="number">{escape(format_amount(value, currency))}</td>'


def status(value: int) -> str:
    """Write a cell of an HTTP status.

    Args:
        value: The status.

    Returns:
        The cell, in the colour of what it means.
    """
    look = _LOOKS.get(value, "bad")
    return f'<td><span class="status {look}">{value}</span></td>'
