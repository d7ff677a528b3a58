"""The body of a sign-up call, read as the API document describes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class BadCallError(ValueError):
    """The body is not one that the document allows; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class SignupCall:
    """A sign-up call; a field that was missing, null or blank is None.

    Attributes:
        email: The lead's e-mail.
        uid: The caller's own id of the lead.
        tid: The visitor id.
        ref_id: The promoter's referral id.
        ip: The visitor's address.
        created_at: The moment of the sign-up, in UTC.
        skip_email_notification: True where no e-mail should go out.
    """

    email: str | None
    uid: str | None
    tid: str | None
    ref_id: str | None
    ip: str | None
    created_at: datetime | None
    skip_email_notification: bool


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


def read_text(fields: dict[str, Any], name: str) -> str | None:
    """Read a field that must be a string.

    Args:
        fields: The decoded body.
        name: The field's name.

    Returns:
        The value as it was sent; None where it is missing, null or blank.

    Raises:
        BadCallError: It is not a string, or half a surrogate pair that no encoding can carry.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        msg = f"{name} is not a string"
        raise BadCallError(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"{name} holds half a surrogate pair"
        raise BadCallError(msg) from None
    return value if value.strip() else None


def read_signup(content_type: str | None, body: bytes) -> SignupCall:
    """Read a sign-up call.

    Args:
        content_type: The header's value; None where the call has none, which is forgiven.
        body: The body as it came.

    Returns:
        The call.

    Raises:
        BadCallError: A real service would not find an e-mail or uid in this.
    """
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        msg = "the Content-Type is not application/json"
        raise BadCallError(msg)
    fields = read_object(body)
    skip = fields.get("skip_email_notification")
    if not isinstance(skip, bool | None):
        msg = "skip_email_notification is not a boolean"
        raise BadCallError(msg)
    call = SignupCall(
        email=read_text(fields, "email"),
        uid=read_text(fields, "uid"),
        tid=read_text(fields, "tid"),
        ref_id=read_text(fields, "ref_id"),
        ip=read_text(fields, "ip"),
        created_at=_read_moment(read_text(fields, "created_at")),
        skip_email_notification=bool(skip),
    )
    if call.email is None and call.uid is None:
        msg = "neither email nor uid"
        raise BadCallError(msg)
    return call


def _read_moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        msg = "created_at is not an ISO 8601 date"
        raise BadCallError(msg) from None
