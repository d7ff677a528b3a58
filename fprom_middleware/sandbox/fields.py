"""How the body of a call is read, field by field; what was missing, null or blank is None."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

LARGEST: Final = 2**63 - 1
"""Of a number; what is larger fits no database's column."""


class BadCallError(ValueError):
    """The body is not one that the document allows; the text says what is wrong with it.

    Attributes:
        field: The field to blame; None where it is the body as a whole.
    """

    field: str | None = None


class BadFieldError(BadCallError):
    """A field is to blame.

    Args:
        field: Its name.
        fault: What is wrong with it, without its value.
    """

    def __init__(self, field: str, fault: str) -> None:
        super().__init__(f"{field} {fault}")
        self.field: str | None = field


def read_object(body: bytes) -> dict[str, Any]:
    """Decode a JSON object.

    Args:
        body: Any bytes.

    Returns:
        The object.

    Raises:
        BadCallError: The body is something else.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        msg = "the body is not a JSON object"
        raise BadCallError(msg)
    return fields


def read_form(body: bytes) -> dict[str, str]:
    """Decode a form, as the script sends it.

    Args:
        body: Any bytes.

    Returns:
        Its fields, the last of each name, without blank ones; empty for anything else.
    """
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=50)
    except ValueError:
        return {}
    return {name: value.strip() for name, value in pairs if value.strip()}


def read_text(fields: dict[str, Any], name: str) -> str | None:
    """Read a field that must be a string.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The value as it was sent.

    Raises:
        BadFieldError: It is not a string, or half a surrogate pair that no encoding can carry.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadFieldError(name, "is not a string")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadFieldError(name, "holds half a surrogate pair") from None
    return value if value.strip() else None


def read_flag(fields: dict[str, Any], name: str) -> bool:
    """Read a field that must be true or false.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The value; False where there is none.

    Raises:
        BadFieldError: It is neither.
    """
    value = fields.get(name)
    if not isinstance(value, bool | None):
        raise BadFieldError(name, "is not a boolean")
    return bool(value)


def read_moment(fields: dict[str, Any], name: str) -> datetime | None:
    """Read a field that must be an ISO 8601 date; one without a zone is UTC.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The moment, in UTC.

    Raises:
        BadFieldError: It is something else.
    """
    text = read_text(fields, name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadFieldError(name, "is not an ISO 8601 date") from None


def read_count(fields: dict[str, Any], name: str) -> int | None:
    """Read a field that must be a whole number above zero.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The number.

    Raises:
        BadFieldError: It is something else, such as digits in quotes.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadFieldError(name, "is not an integer")
    if not 0 < value <= LARGEST:
        raise BadFieldError(name, f"is not between 1 and {LARGEST}")
    return value


def read_count_or_digits(fields: dict[str, Any], name: str) -> int | None:
    """Read a whole number above zero that may stand in quotes.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The number.

    Raises:
        BadFieldError: It is something else.
    """
    value = fields.get(name)
    if not isinstance(value, str):
        return read_count(fields, name)
    text = read_text(fields, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadFieldError(name, "is neither an integer nor a string of digits")
    digits = text.lstrip("0") or "0"
    # Python refuses to make a number of thousands of digits.
    number = int(digits) if len(digits) <= len(str(LARGEST)) else LARGEST + 1
    return read_count({name: number}, name)


def read_names(body: bytes) -> tuple[str | None, str | None]:
    """Read whom a refused call means, as far as that can be read.

    Args:
        body: Any bytes.

    Returns:
        The e-mail and the uid; None for what is no text.
    """
    try:
        fields = read_object(body)
    except BadCallError:
        return None, None
    email, uid = (_text_or_none(fields, name) for name in ("email", "uid"))
    return email, uid


def _text_or_none(fields: dict[str, Any], name: str) -> str | None:
    try:
        return read_text(fields, name)
    except BadCallError:
        return None
