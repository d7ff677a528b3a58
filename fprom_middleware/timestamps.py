"""Moments as the API writes them: ISO 8601, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


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
