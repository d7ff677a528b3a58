"""What became of an event that was handed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .lead import Lead

if TYPE_CHECKING:
    from .kinds import AnyEvent


class Status(StrEnum):
    """What became of an event."""

    QUEUED = "queued"
    SENT = "sent"
    DUPLICATE = "duplicate"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    FAILED = "failed"


class Reason(StrEnum):
    """Why: a closed list of codes, never the API's own text (it can echo the e-mail)."""

    ORGANIC = "organic"
    NO_CONSENT = "no_consent"
    DISABLED = "disabled"
    DROPPED = "dropped"
    UNIDENTIFIED = "unidentified"
    ZERO_AMOUNT = "zero_amount"
    NOT_REFERRED = "not_referred"
    DATABASE = "database"
    BAD_REQUEST = "bad_request"
    UNKNOWN_VISITOR = "unknown_visitor"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NETWORK = "network"
    LOCAL = "local"
    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to an event that was handed in.

    Attributes:
        status: What became of it.
        reason: Why, as a code of `Reason`, where the status alone does not say.
        durable: True where the event outlives a crash of this process.
        event: The event, where there is one.
    """

    status: Status
    reason: Reason | None = None
    durable: bool = False
    event: AnyEvent | None = None

    @property
    def lead(self) -> Lead | None:
        """The event of a sign-up; None for any other."""
        return self.event if isinstance(self.event, Lead) else None
