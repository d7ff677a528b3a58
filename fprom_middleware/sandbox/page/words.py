"""Small words of the page: how long, how long ago."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def duration(span: timedelta) -> str:
    """Say how long.

    Args:
        span: At least nothing.

    Returns:
        Such as ``0.4 s``, ``12 s``, ``5 min``, ``3 h`` or ``2 d``.
    """
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds:.1f} s"
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago; page.js says the same.

    Args:
        moment: A moment that was.
        now: The present.

    Returns:
        Such as ``12 s ago``, or ``now``.
    """
    span = now - moment
    return "now" if span.total_seconds() < 1 else f"{duration(span)} ago"
