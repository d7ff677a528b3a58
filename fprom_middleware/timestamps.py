"""Moments as the API and the outbox write them, and lengths of time as people read them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def format_moment(moment: datetime) -> str:
    """Write a moment as the API's document does, in UTC with milliseconds.

    Args:
        moment: A datetime; a naive one is taken as UTC.

    Returns:
        ISO 8601, such as ``2025-04-25T09:29:51.973Z``.
    """
    return as_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_utc(moment: datetime) -> datetime:
    """Make a datetime aware and in UTC.

    Args:
        moment: A datetime; a naive one is taken as UTC, which is what databases hand out.

    Returns:
        The same moment in UTC.
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def from_epoch(seconds: float | None) -> datetime | None:
    """Read a moment of the outbox's tables.

    Args:
        seconds: Since the epoch.

    Returns:
        The moment in UTC; None for None, and for what a damaged row holds in its place.
    """
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


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
