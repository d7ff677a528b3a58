"""What the fields of an event may hold: read at the door, so that each event can be a row."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final

from ..addresses import parse_address
from ..timestamps import as_utc

MAX_EMAIL: Final = 320
"""Characters: the longest that RFC 5321 allows."""
MAX_UID: Final = 255
"""Characters of a uid, and of every id of a payment provider."""
MAX_ID: Final = 512
"""Characters of a tid and of a ref_id, as of the vendor's cookies."""

MAX_AMOUNT: Final = 2**63 - 1
"""Minor units: what a signed 64-bit integer holds."""

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}", re.ASCII)
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


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


def read_id(name: str, value: object) -> str | None:
    """Read an id that the app or a payment provider has given.

    Args:
        name: The field's, for the error.
        value: Text, an int or a UUID.

    Returns:
        Its text, or None where it is no value.

    Raises:
        BadFieldError: It is of another type, or as in `read_text`.
    """
    # Looked up and not imported: where there is a UUID, its module is loaded.
    uuid = sys.modules.get("uuid")
    if uuid is not None and isinstance(value, uuid.UUID):
        value = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        # A number longer than this is refused by int's own text as well.
        value = int.__repr__(value) if value.bit_length() <= _MAX_BITS else "9" * (MAX_UID + 1)
    return read_text(name, value, MAX_UID)


_MAX_BITS: Final = 4 * MAX_UID


def read_required_id(name: str, value: object) -> str:
    """Read an id that must be there.

    Raises:
        BadFieldError: It is blank, or as in `read_id`.
    """
    text = read_id(name, value)
    if text is None:
        msg = f"{name} is blank"
        raise BadFieldError(msg)
    return text


def read_amount(name: str, value: object) -> int:
    """Read an amount that must be there.

    Args:
        name: The field's, for the error.
        value: Minor units, above zero; digits as text are what the API's own document has.

    Raises:
        BadFieldError: It is not a whole number, not above zero, or longer than is sent.
    """
    number = _read_whole(name, value)
    if not number:
        msg = f"{name} is zero" if number == 0 else f"{name} is missing"
        raise BadFieldError(msg)
    return number


def read_mrr(name: str, value: object) -> int | None:
    """Read an amount that may be zero, or absent.

    Raises:
        BadFieldError: As in `read_amount`.
    """
    return _read_whole(name, value)


def read_quantity(name: str, value: object) -> int | None:
    """Read a number of items; one is what the API takes it for by itself.

    Raises:
        BadFieldError: It is not a whole number above zero.
    """
    number = _read_whole(name, value)
    if number == 0:
        msg = f"{name} is zero"
        raise BadFieldError(msg)
    return None if number == 1 else number


def read_currency(name: str, value: object) -> str | None:
    """Read a currency of ISO 4217, as capital letters.

    Raises:
        BadFieldError: It is not three letters; which there are is the API's to know.
    """
    if value is None:
        return None
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        msg = f"{name} is not three letters"
        raise BadFieldError(msg)
    return str.upper(value)


def _read_whole(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"{name} is of type {type(value).__name__}, not a whole number"
        raise BadFieldError(msg)
    if not 0 <= value <= MAX_AMOUNT:
        msg = f"{name} is negative" if value < 0 else f"{name} is longer than is sent"
        raise BadFieldError(msg)
    return int(value)


def read_ip(name: str, value: object) -> str | None:
    """Read a bare address.

    Raises:
        BadFieldError: It is none.
    """
    text = read_text(name, value, MAX_ID)
    address = None if text is None else parse_address(text)
    if text is not None and address is None:
        msg = f"{name} is not an address"
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
