"""What the double gives and keeps: answers, clicks, leads, and every sign-up call it got."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever carries it.

    Attributes:
        status: The HTTP status.
        body: JSON, or nothing: a 401 has no body.
    """

    status: int
    body: bytes = b""

    @classmethod
    def of(cls, status: int, payload: dict[str, Any]) -> Answer:
        """Make an answer with a JSON body.

        Args:
            status: The HTTP status.
            payload: What becomes the body.

        Returns:
            The answer.
        """
        return cls(status, json.dumps(payload, separators=(",", ":")).encode())

    @property
    def headers(self) -> dict[str, str]:
        """The headers that describe the body."""
        return {"content-type": "application/json; charset=utf-8"} if self.body else {}

    def json(self) -> Any:
        """Read the body.

        Returns:
            The decoded body, or None where there is none.
        """
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, slots=True)
class Click:
    """A visit by a referral link.

    Attributes:
        tid: The visitor id that was issued, shaped like a version 4 UUID.
        ref_id: The promoter of the link.
        ip: Where the browser's call came from. The real service stores none.
        created_at: When, in UTC.
    """

    tid: str
    ref_id: str
    ip: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedLead:
    """A sign-up that was accepted; the fields are what the call said.

    Attributes:
        id: The number given to it, from 1.
        email: The lead's e-mail.
        uid: The caller's own id of the lead.
        tid: The visitor id.
        ref_id: The promoter the call named.
        promoter: Whom the lead is attributed to: the click's promoter where there is a tid.
        ip: The visitor's address.
        created_at: The moment of the sign-up, in UTC; of the call, where that named none.
        skip_email_notification: True where no e-mail should go out.
        received_at: When the call arrived, in UTC.
    """

    id: int
    email: str | None
    uid: str | None
    tid: str | None
    ref_id: str | None
    promoter: str
    ip: str | None
    created_at: datetime
    skip_email_notification: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-up call, accepted or refused.

    Attributes:
        at: When it arrived, in UTC.
        status: The HTTP status it got.
        note: Why, in words that the real service does not give.
        sent: The beginning of the body as it came.
        answer: The body of the answer.
        lead: What became of it; None where it was refused.
    """

    at: datetime
    status: int
    note: str
    sent: str
    answer: str
    lead: ReceivedLead | None = None


def iso(moment: datetime) -> str:
    """Write a moment as the API does.

    Args:
        moment: An aware datetime.

    Returns:
        Such as ``2025-04-25T09:29:51.973Z``.
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"
