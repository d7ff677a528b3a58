"""What the double gives and keeps: answers, clicks, and every call it got."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .received import Kind, Received, ReceivedLead


class Ending(StrEnum):
    """How an answer goes out."""

    WHOLE = "whole"
    CUT = "cut"
    """Half of its body, then the connection is closed."""
    RESET = "reset"
    """The connection is reset before the first byte."""
    NOTHING = "nothing"
    """The connection is held, and nothing comes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever carries it.

    Attributes:
        status: The HTTP status.
        body: JSON, or nothing: a 401 has no body, nor has a 204.
        delay: Seconds before it goes out.
        ending: How it goes out; without trouble as a whole.
        retry_after: The header, in seconds.
    """

    status: int
    body: bytes = b""
    delay: float = 0.0
    ending: Ending = Ending.WHOLE
    retry_after: int | None = None

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
        """The headers that describe the body, and when to come again."""
        headers = {"content-type": "application/json; charset=utf-8"} if self.body else {}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers

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
        status: The HTTP status it got; 0 where it was left without an answer, as asked.
        note: Why, in words that the real service does not give.
        sent: The beginning of the body as it came.
        answer: The body of the answer.
        lead: The lead it made; None where it made none.
        event: The sale, refund or cancellation it was taken for; None where it was refused.
        number: Its place among all calls, from 1.
        email: The e-mail that a refused call names.
        uid: The uid that a refused call names.
        account: The Account-ID it named, where that was another's.
    """

    kind: Kind
    at: datetime
    status: int
    note: str
    sent: str
    answer: str
    lead: ReceivedLead | None = None
    event: Received | None = None
    number: int = 0
    email: str | None = None
    uid: str | None = None
    account: str | None = None

    @property
    def path(self) -> str:
        """Where it was sent, below the base URL."""
        return f"/{self.kind}"


@dataclass(frozen=True, slots=True)
class StrayCall:
    """A call of the Tracking API beside the path where the API stands.

    Attributes:
        path: Where it was sent.
    """

    path: str


def iso(moment: datetime) -> str:
    """Write a moment as the API does.

    Args:
        moment: An aware datetime.

    Returns:
        Such as ``2025-04-25T09:29:51.973Z``.
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"
