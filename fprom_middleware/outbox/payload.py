"""What stands in a row, read with care: an event as text, and numbers."""

from __future__ import annotations

import json
import math
from typing import Any

from ..events.lead import Lead


class PayloadError(ValueError):
    """A row that is not an event; the text names no value."""


def encode(lead: Lead) -> str:
    """Write an event as one flat JSON object in ASCII.

    Args:
        lead: The event.

    Returns:
        The text; no database can refuse it for a character.

    Raises:
        BadFieldError: A field holds what cannot be sent.
    """
    return json.dumps(lead.checked().to_json())


def decode(text: Any) -> Lead:
    """Read what `encode` wrote.

    Args:
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
            return Lead.from_json(body)
        kind = type(body).__name__
    except (ValueError, TypeError, RecursionError) as error:
        kind = type(error).__name__
    raise PayloadError(kind)


def read_number(value: Any) -> float | None:
    """Read a number of the table; a value that is not a finite number counts as none."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None
