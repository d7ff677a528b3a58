"""A lead, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..masking import mask_email, mask_ip, mask_tail


class Status(StrEnum):
    """What became of a sign-up."""

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
    DATABASE = "database"
    BAD_REQUEST = "bad_request"
    UNKNOWN_VISITOR = "unknown_visitor"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    NETWORK = "network"
    UNREADABLE = "unreadable"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lead:
    """One sign-up as FirstPromoter will hear of it.

    Attributes:
        email: The e-mail address of the new account.
        uid: The app's own id of the account.
        tid: The visitor id out of the vendor's cookie.
        ref_id: The promoter's referral id, where it is sent.
        ip: The visitor's address, one bare address.
        created_at: The moment of the sign-up, aware. It stays the same through every retry.
        skip_email_notification: True keeps FirstPromoter from sending its sign-up e-mail.
    """

    email: str | None = None
    uid: str | None = None
    tid: str | None = None
    ref_id: str | None = None
    ip: str | None = None
    created_at: datetime | None = None
    skip_email_notification: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the body of the API's sign-up call; a field without a value is absent."""
        body = {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
        }
        if self.created_at is not None:
            body["created_at"] = format_moment(self.created_at)
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Lead:
        """Build the lead again from what `to_json` returned.

        Args:
            body: The mapping; keys that are no field of a lead are passed over.

        Returns:
            An equal lead, `created_at` cut to milliseconds.
        """
        known = {field.name: body.get(field.name) for field in fields(cls)}
        if isinstance(known["created_at"], str):
            known["created_at"] = datetime.fromisoformat(known["created_at"])
        return cls(**known)

    def __repr__(self) -> str:
        shown = {
            "email": mask_email(self.email),
            "uid": mask_tail(self.uid),
            "tid": mask_tail(self.tid),
            "ref_id": mask_tail(self.ref_id),
            "ip": mask_ip(self.ip),
            "created_at": self.created_at and format_moment(self.created_at),
            "skip_email_notification": self.skip_email_notification,
        }
        inside = ", ".join(f"{name}={value}" for name, value in shown.items() if value is not None)
        return f"Lead({inside})"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a sign-up that was handed in.

    Attributes:
        status: What became of it.
        reason: Why, as a code of `Reason`, where the status alone does not say.
        durable: True where the lead outlives a crash of this process.
        lead: The lead, where there is one.
    """

    status: Status
    reason: Reason | None = None
    durable: bool = False
    lead: Lead | None = None


def format_moment(moment: datetime) -> str:
    """Write a moment as the API's document does, in UTC with milliseconds.

    Args:
        moment: A datetime; a naive one is taken as UTC.

    Returns:
        ISO 8601, such as ``2025-04-25T09:29:51.973Z``.
    """
    return as_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_utc(moment: datetime) -> datetime:
    """Make a datetime aware and in UTC.

    Args:
        moment: A datetime; a naive one is taken as UTC, which is what databases hand out.

    Returns:
        The same moment in UTC.
    """
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
