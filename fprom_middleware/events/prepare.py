"""From a sign-up in a view to the lead that is sent, or to the reason why nothing is."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..hooks import FAILED, call_hook
from ..timestamps import as_utc
from ..visitor.client_ip import sendable_ip
from ..visitor.consent import may_track
from .lead import Lead
from .receipt import Reason, Receipt, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..settings.model import FpromSettings
    from ..visitor.context import TrackingContext

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SignUp:
    """What a view says about a sign-up, read but not yet joined with the visitor.

    Attributes:
        email: The e-mail address of the new account.
        uid: The app's own id of the account.
        ref_id: A promoter's referral id to attribute to.
        created_at: The moment of the sign-up.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.
    """

    email: str | None
    uid: str | None
    ref_id: str | None
    created_at: datetime | None
    skip_email_notification: bool | None

    @classmethod
    def read(
        cls,
        email: object,
        uid: object,
        ref_id: object,
        created_at: datetime | None,
        *,
        skip_email_notification: bool | None,
    ) -> SignUp:
        """Read the arguments of ``track_signup``; blank text counts as no value.

        Returns:
            The sign-up.

        Raises:
            ValueError: Neither email nor uid.
        """
        signup = cls(
            email=_text(email),
            uid=_text(uid),
            ref_id=_text(ref_id),
            created_at=created_at,
            skip_email_notification=skip_email_notification,
        )
        if signup.email is None and signup.uid is None:
            msg = (
                "track_signup needs an email or a uid: who signed up? track_signup(request, email)"
            )
            raise ValueError(msg)
        return signup


def prepare(
    settings: FpromSettings,
    signup: SignUp,
    context: TrackingContext,
    connection: Mapping[str, Any] | None,
    *,
    now: float,
) -> Lead | Receipt:
    """Decide what is sent for a sign-up.

    Args:
        settings: The account's settings.
        signup: What the view said.
        context: The visitor.
        connection: The environ or scope, where a request is at hand to ask for consent.
        now: Seconds since the epoch.

    Returns:
        The lead, or a receipt that says why there is none.
    """
    if not settings.enabled:
        return Receipt(Status.SKIPPED, Reason.DISABLED)
    if connection is not None and not may_track(settings, connection):
        return Receipt(Status.SKIPPED, Reason.NO_CONSENT)
    tid, ref_id = context.tid, signup.ref_id
    if tid is None and ref_id is None:
        ref_id = context.ref_id
        if ref_id is None:
            return Receipt(Status.SKIPPED, Reason.ORGANIC)
    lead = Lead(
        email=signup.email,
        uid=signup.uid,
        tid=tid,
        ref_id=ref_id,
        ip=sendable_ip(context.ip, settings.send_ip),
        created_at=_moment(signup.created_at, now),
        skip_email_notification=signup.skip_email_notification,
    )
    return _apply_before_send(settings, lead)


def _apply_before_send(settings: FpromSettings, lead: Lead) -> Lead | Receipt:
    if settings.before_send is None:
        return lead
    kept = call_hook(
        settings, "FPROM_BEFORE_SEND", settings.before_send, lead, meaning="the lead is dropped"
    )
    if isinstance(kept, Lead):
        return kept
    if kept is not None and kept is not FAILED:
        logger.error(
            "FPROM_BEFORE_SEND returned a %s, not a Lead or None: the lead is dropped.",
            type(kept).__name__,
        )
    return Receipt(Status.SKIPPED, Reason.DROPPED)


def _moment(given: datetime | None, now: float) -> datetime:
    if isinstance(given, datetime):
        # A datetime near the ends of time, or one whose tzinfo raises, has no UTC.
        with suppress(Exception):
            return as_utc(given)
    if given is not None:
        logger.error("created_at is not a usable datetime: the moment of the call is sent.")
    return datetime.fromtimestamp(now, UTC)


def _text(value: object) -> str | None:
    text = "" if value is None else str(value)
    return text if text.strip() else None
