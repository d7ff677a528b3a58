"""Pieces of the page: every value escaped, control characters made visible."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ...masking import printable
from ..records import iso
from .words import ago

if TYPE_CHECKING:
    from datetime import datetime

_TAIL = 4
_SHORT = 12


def escape(value: str | None) -> str:
    """Make a value text of the page.

    Args:
        value: Anything that arrived.

    Returns:
        HTML without markup of the value's, for an attribute too; a dash for None.
    """
    return "—" if value is None else html.escape(printable(value))


def moment(at: datetime, now: datetime) -> str:
    """Write a moment as how long ago it was, the exact one on hover.

    Args:
        at: The moment, aware.
        now: The present.

    Returns:
        HTML.
    """
    exact = iso(at)
    return f'<time datetime="{exact}" title="{exact}">{ago(at, now)}</time>'


def ident(value: str | None) -> str:
    """Write an id by its last four characters, the whole on demand.

    Args:
        value: Anything that arrived.

    Returns:
        HTML.
    """
    if value is None or len(value) < _SHORT:
        return f"<code>{escape(value)}</code>"
    return (
        f'<details class="whole"><summary title="{escape(value)}">…{escape(value[-_TAIL:])}'
        f"</summary><code>{escape(value)}</code></details>"
    )


def copyable(label: str, text: str) -> str:
    """Write a text of several lines with a button that copies it.

    Args:
        label: What it is, for people who hear the page.
        text: Any text; its line breaks stay.

    Returns:
        HTML; the button is shown where scripts run.
    """
    lines = "\n".join(map(escape, text.split("\n")))
    return (
        f'<div class="copyable"><pre tabindex="0" aria-label="{escape(label)}">{lines}</pre>'
        f'<button type="button" class="copy" hidden aria-label="Copy {escape(label)}">Copy'
        "</button></div>"
    )


def folded(title: str, inner: str) -> str:
    """Write what is shown on demand.

    Args:
        title: What it is.
        inner: HTML.

    Returns:
        HTML.
    """
    return f'<details class="more"><summary>{title}</summary>{inner}</details>'
