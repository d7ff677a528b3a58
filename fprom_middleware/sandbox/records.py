"""What the double gives and keeps: answers, clicks, and every call it got."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .received import Kind, Received, ReceivedLead


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever carries it.

    Attributes:
        status: The HTTP status.
        body: JSON, or nothing: a 401 has no body, nor has a 204.
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
class Attempt:
    """One call of the Tracking API, accepted or refused.

    Attributes:
        kind: Which of the four calls it was.
        at: When it arrived, in UTC.
        status: The HTTP status it got.
        note: Why, in words that the real service does not give.
        sent: The beginning of the body as it came.
        answer: The body of the answer.
        lead: The lead it made; None where it made none.
        event: The sale, refund or cancellation it was taken for; None where it was refused.
    """

    kind: Kind
    at: datetime
    status: int
    note: str
    sent: str
    answer: str
    lead: ReceivedLead | None = None
    event: Received | None = None

    @property
    def path(self) -> str:
        """Where it was sent, below the base URL."""
        return f"/{self.kind}"


def iso(moment: datetime) -> str:
    """Write a moment as the API does.

    Args:
        moment: An aware datetime.

    Returns:
        Such as ``2025-04-25T09:29:51.973Z``.
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"
