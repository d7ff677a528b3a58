"""A sign-up: the lead of a promoter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .event import Event, Kind

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Lead(Event):
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

    kind: ClassVar[Kind] = Kind.SIGNUP

    tid: str | None = None
    ref_id: str | None = None
    ip: str | None = None
    created_at: datetime | None = None
    skip_email_notification: bool | None = None
