"""What stands in a row, read with care: an event as text, and numbers."""

from __future__ import annotations

import json
import math
from typing import Any

from ..events.kinds import EVENTS, AnyEvent


class PayloadError(ValueError):
    """A row that is not an event; the text names no value."""


def encode(event: AnyEvent) -> str:
    """Write an event as one flat JSON object in ASCII.

    Args:
        event: The event, checked.

    Returns:
        The text; no database can refuse it for a character.
    """
    return json.dumps(event.to_json())


def decode(kind: Any, text: Any) -> AnyEvent:
    """Read what `encode` wrote.

    Args:
        kind: The event's, as it stands in the row, damaged or not.
        text: What stands in the row, damaged or not.

    Returns:
        The event; fields that this version does not know are passed over.

    Raises:
        PayloadError: It is not an event that could be sent.
    """
    try:
        if isinstance(text, str):
            # What SQLite holds may not be UTF-8.
            text.encode()
        body = json.loads(text)
        if isinstance(body, dict):
            return EVENTS[kind].from_json(body)
        what = type(body).__name__
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        what = type(error).__name__
    raise PayloadError(what)


def read_number(value: Any) -> float | None:
    """Read a number of the table; a value that is not a finite number counts as none."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
