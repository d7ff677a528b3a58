"""What the fields of an event may hold: read at the door, so that each event can be a row."""

from __future__ import annotations

import re
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

from ..addresses import parse_address
from ..timestamps import as_utc

MAX_EMAIL: Final = 320
"""Characters: the longest that RFC 5321 allows."""
MAX_UID: Final = 255
MAX_ID: Final = 512
"""Characters of a tid and of a ref_id, as of the vendor's cookies."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class _Absent(Enum):
    NOT_GIVEN = auto()

    def __repr__(self) -> str:
        return self.name


NOT_GIVEN: Final[Any] = _Absent.NOT_GIVEN
"""The default of ``email`` and ``uid``: left out, which None or blank text is not."""


class BadFieldError(ValueError):
    """A field holds what cannot be sent; the text names the field and never its value."""


def read_text(name: str, value: object, longest: int) -> str | None:
    """Read a field that is text.

    Args:
        name: The field's, for the error.
        value: What was handed in; blank text and None are no value.
        longest: Characters at the most.

    Returns:
        The text as it is, or None.

    Raises:
        BadFieldError: It is not text, too long, or holds control characters.
    """
    if value is None or value is NOT_GIVEN:
        return None
    if not isinstance(value, str):
        msg = f"{name} is of type {type(value).__name__}, not text"
        raise BadFieldError(msg)
    # The text itself, whatever a subclass makes of it.
    text = str.__str__(value)
    if not text.strip():
        return None
    if len(text) > longest:
        msg = f"{name} has {len(text)} characters, and {longest} at the most are sent"
        raise BadFieldError(msg)
    if _CONTROL.search(text):
        msg = f"{name} holds control characters"
        raise BadFieldError(msg)
    return text


def read_uid(value: object) -> str | None:
    """Read the app's own id of an account.

    Args:
        value: Text, an int or a UUID.

    Returns:
        Its text, or None where it is no value.

    Raises:
        BadFieldError: It is of another type, or as in `read_text`.
    """
    if isinstance(value, UUID):
        value = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        # A number longer than this is refused by int's own text as well.
        value = int.__repr__(value) if value.bit_length() <= _MAX_BITS else "9" * (MAX_UID + 1)
    return read_text("uid", value, MAX_UID)


_MAX_BITS: Final = 4 * MAX_UID


def read_ip(value: object) -> str | None:
    """Read a bare address.

    Raises:
        BadFieldError: It is none.
    """
    text = read_text("ip", value, MAX_ID)
    address = None if text is None else parse_address(text)
    if text is not None and address is None:
        msg = "ip is not an address"
        raise BadFieldError(msg)
    return None if address is None else str(address)


def read_flag(name: str, value: object) -> bool | None:
    """Read a field that is True, False or absent.

    Raises:
        BadFieldError: It is something else, a form's text for example.
    """
    if value is not None and not isinstance(value, bool):
        msg = f"{name} is of type {type(value).__name__}, not True, False or None"
        raise BadFieldError(msg)
    return value


def read_moment(name: str, value: object) -> datetime | None:
    """Read a moment.

    Returns:
        The moment in UTC.

    Raises:
        BadFieldError: It is not a datetime, or has no UTC.
    """
    if value is None:
        return None
    try:
        if isinstance(value, datetime):
            # A plain one, whatever a subclass makes of it.
            return as_utc(value)
    except Exception:  # noqa: BLE001 - near the ends of time, or a tzinfo that raises
        msg = f"{name} has no moment in UTC"
        raise BadFieldError(msg) from None
    msg = f"{name} is of type {type(value).__name__}, not a datetime"
    raise BadFieldError(msg)
