"""From a sign-up in a view to the lead that is sent, or to the reason why nothing is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..hooks import FAILED, call_hook
from ..visitor.client_ip import sendable_ip
from ..visitor.consent import may_use
from ..visitor.cookies import is_nothing
from .fields import NOT_GIVEN, BadFieldError, read_moment
from .lead import Lead
from .receipt import Reason, Receipt, Status

if TYPE_CHECKING:
    from ..settings.model import FpromSettings
    from ..visitor.locate import Located

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class SignUp:
    """What a view says about a sign-up, as it said it.

    Attributes:
        email: The e-mail address of the new account.
        uid: The app's own id of the account.
        ref_id: A promoter's referral id to attribute to.
        created_at: The moment of the sign-up.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.

    Raises:
        ValueError: Neither email nor uid was given.
    """

    email: Any = NOT_GIVEN
    uid: Any = NOT_GIVEN
    ref_id: Any = None
    created_at: Any = None
    skip_email_notification: Any = None

    def __post_init__(self) -> None:
        if self.email is NOT_GIVEN and self.uid is NOT_GIVEN:
            msg = (
                "track_signup needs an email or a uid: who signed up? track_signup(request, email)"
            )
            raise ValueError(msg)


def prepare(
    settings: FpromSettings,
    signup: SignUp,
    located: Located,
    *,
    now: float,
) -> Lead | Receipt:
    """Decide what is sent for a sign-up.

    Args:
        settings: The account's settings.
        signup: What the view said.
        located: The visitor, and the request to ask about consent where there is one.
        now: Seconds since the epoch.

    Returns:
        The lead, each field of it checked, or a receipt that says why there is none.
    """
    if not settings.enabled:
        return Receipt(Status.SKIPPED, Reason.DISABLED)
    if not may_use(settings, located):
        return Receipt(Status.SKIPPED, Reason.NO_CONSENT)
    context = located.context
    tid, ref_id = context.tid, signup.ref_id
    if isinstance(ref_id, str) and is_nothing(ref_id.strip()):
        # A form's hidden field, which a script filled with what it had not got.
        ref_id = None
    if _is_blank(tid) and _is_blank(ref_id):
        ref_id = context.ref_id
    lead = _admit(
        Lead(
            email=signup.email,
            uid=signup.uid,
            tid=tid,
            ref_id=ref_id,
            ip=_sendable(context.ip, settings),
            created_at=_moment(signup.created_at, now),
            skip_email_notification=signup.skip_email_notification,
        )
    )
    return lead if isinstance(lead, Receipt) else _apply_before_send(settings, lead)


def _sendable(ip: object, settings: FpromSettings) -> Any:
    # A context made by hand may hold anything; what is not text is refused with the lead.
    return sendable_ip(ip, settings.send_ip) if isinstance(ip, str) else ip


def _admit(lead: Lead) -> Lead | Receipt:
    # In this order: an organic visitor is of no interest, identified or not.
    if _is_blank(lead.tid) and _is_blank(lead.ref_id):
        return Receipt(Status.SKIPPED, Reason.ORGANIC)
    if _is_blank(lead.email) and _is_blank(lead.uid):
        logger.error("A sign-up is not sent: its email and its uid are None or blank.")
        return Receipt(Status.SKIPPED, Reason.UNIDENTIFIED)
    try:
        return lead.checked()
    except BadFieldError as error:
        _log_rejected(error)
        return Receipt(Status.REJECTED, Reason.BAD_REQUEST)


def _log_rejected(error: BadFieldError) -> None:
    logger.error("A sign-up is not sent, and nothing of it kept: %s.", error)


def _apply_before_send(settings: FpromSettings, lead: Lead) -> Lead | Receipt:
    if settings.before_send is None:
        return lead
    kept = call_hook(
        settings, "FPROM_BEFORE_SEND", settings.before_send, lead, meaning="the lead is dropped"
    )
    if isinstance(kept, Lead):
        return _admit(kept)
    if kept is not None and kept is not FAILED:
        logger.error(
            "FPROM_BEFORE_SEND returned a %s, not a Lead or None: the lead is dropped.",
            type(kept).__name__,
        )
    return Receipt(Status.SKIPPED, Reason.DROPPED)


def _moment(given: object, now: float) -> datetime:
    try:
        moment = read_moment("created_at", given)
    except BadFieldError as error:
        _log_moment(error)
        moment = None
    return datetime.fromtimestamp(now, UTC) if moment is None else moment


def _log_moment(error: BadFieldError) -> None:
    logger.error("%s: the moment of the call is sent.", error)


def _is_blank(value: object) -> bool:
    return value is None or value is NOT_GIVEN or (isinstance(value, str) and not value.strip())
