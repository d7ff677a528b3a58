"""A lead, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from ..masking import mask_email, mask_ip, mask_tail
from ..timestamps import format_moment
from .fields import (
    MAX_EMAIL,
    MAX_ID,
    read_flag,
    read_ip,
    read_moment,
    read_text,
    read_uid,
)

if TYPE_CHECKING:
    from collections.abc import Callable


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

    def checked(self) -> Lead:
        """Return the lead as it can be sent and kept: each field of its type, blank ones absent.

        Raises:
            BadFieldError: A field holds what cannot be sent.
        """
        return Lead(
            email=read_text("email", self.email, MAX_EMAIL),
            uid=read_uid(self.uid),
            tid=read_text("tid", self.tid, MAX_ID),
            ref_id=read_text("ref_id", self.ref_id, MAX_ID),
            ip=read_ip(self.ip),
            created_at=read_moment("created_at", self.created_at),
            skip_email_notification=read_flag(
                "skip_email_notification", self.skip_email_notification
            ),
        )

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Lead:
        """Build the lead again from what `to_json` returned.

        Args:
            body: The mapping; keys that are no field of a lead are passed over.

        Returns:
            An equal lead, `created_at` cut to milliseconds.

        Raises:
            ValueError: It is not what `to_json` returns.
        """
        known = {field.name: body.get(field.name) for field in fields(cls)}
        if isinstance(known["created_at"], str):
            known["created_at"] = datetime.fromisoformat(known["created_at"])
        return cls(**known).checked()

    def __repr__(self) -> str:
        shown = {name: mask(getattr(self, name, None)) for name, mask in _MASKS.items()}
        inside = ", ".join(f"{name}={value}" for name, value in shown.items() if value is not None)
        return f"Lead({inside})"


def _mask_moment(moment: Any) -> str | None:
    try:
        return None if moment is None else format_moment(moment)
    except Exception:  # noqa: BLE001 - a repr never raises, whatever a hook put there
        return "…"


def _mask_flag(flag: object) -> bool | None:
    return None if flag is None else bool(flag)


_MASKS: Final[dict[str, Callable[[Any], object]]] = {
    "email": mask_email,
    "uid": mask_tail,
    "tid": mask_tail,
    "ref_id": mask_tail,
    "ip": mask_ip,
    "created_at": _mask_moment,
    "skip_email_notification": _mask_flag,
}
