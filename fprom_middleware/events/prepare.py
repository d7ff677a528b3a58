"""From what a view says to the event that is sent, or to the reason why nothing is."""

from __future__ import annotations

import logging
import operator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..hooks import FAILED, call_hook
from ..visitor.client_ip import sendable_ip
from ..visitor.consent import may_use
from ..visitor.cookies import is_nothing
from .event import Event
from .fields import NOT_GIVEN, BadFieldError, read_moment
from .lead import Lead
from .log_line import log_line
from .payments import Refund, Sale
from .receipt import Reason, Receipt, Status

if TYPE_CHECKING:
    from ..settings.model import FpromSettings
    from ..visitor.locate import Located
    from .kinds import AnyEvent

E = TypeVar("E", bound=Event)

logger: logging.Logger = logging.getLogger(__name__)


def as_said(kind: type[E], **said: Any) -> E:
    """Make an event of what a program says, and refuse what only a mistake in it can say.

    Args:
        kind: The event's class.
        **said: Its fields as they were handed in; what they hold is read later.

    Returns:
        The event, its amounts whole numbers.

    Raises:
        ValueError: Neither email nor uid was given.
        TypeError: An amount is not a whole number.
    """
    if said["email"] is NOT_GIVEN and said["uid"] is NOT_GIVEN:
        call = f"track_{kind.kind}"
        msg = f"{call} needs an email or a uid: whom is it about? {call}(request, email, ...)"
        raise ValueError(msg)
    if "amount" in said:
        said["amount"] = _whole("amount", said["amount"])
    if said.get("mrr") is not None:
        said["mrr"] = _whole("mrr", said["mrr"])
    return kind(**said)


def prepare(
    settings: FpromSettings, event: AnyEvent, visitor: Located | None, *, now: float
) -> AnyEvent | Receipt:
    """Decide what is sent.

    Args:
        settings: The account's settings.
        event: What `as_said` returned.
        visitor: Who the customer is in a browser, and the request to ask about consent where
            there is one; None where that is not known.
        now: Seconds since the epoch.

    Returns:
        The event, each field of it checked, or a receipt that says why there is none.
    """
    if not settings.enabled:
        return Receipt(Status.SKIPPED, Reason.DISABLED)
    may_name = visitor is not None and may_use(settings, visitor)
    if isinstance(event, Lead):
        if visitor is not None and not may_name:
            return Receipt(Status.SKIPPED, Reason.NO_CONSENT)
        event = _with_visitor(settings, event, visitor, now)
    elif isinstance(event, Sale) and visitor is not None and may_name:
        # The sale itself is the customer's, whom the app knows by itself.
        context = visitor.context
        tid = context.tid
        event = replace(event, tid=tid, ref_id=context.ref_id if _is_blank(tid) else None)
    admitted = _admit(event)
    if not isinstance(admitted, Receipt):
        return _apply_before_send(settings, admitted)
    if admitted.reason is Reason.ORGANIC and settings.is_local:
        logger.warning(
            "A sign-up was skipped (organic): its request had no _fprom_tid cookie. Is the script "
            "on the page, and did the visit begin with a referral link, such as /?fpr=anna? (Said "
            "only while FPROM_BASE_URL names this machine.)"
        )
    return admitted


def _with_visitor(settings: FpromSettings, lead: Lead, visitor: Located | None, now: float) -> Lead:
    tid = ip = None
    ref_id: Any = lead.ref_id
    if isinstance(ref_id, str) and is_nothing(ref_id.strip()):
        # A form's hidden field, which a script filled with what it had not got.
        ref_id = None
    if visitor is not None:
        context = visitor.context
        tid, ip = context.tid, _sendable(context.ip, settings)
        if _is_blank(tid) and _is_blank(ref_id):
            ref_id = context.ref_id
    return replace(lead, tid=tid, ref_id=ref_id, ip=ip, created_at=_moment(lead.created_at, now))


def _sendable(ip: object, settings: FpromSettings) -> Any:
    # A context made by hand may hold anything; what is not text is refused with the sign-up.
    return sendable_ip(ip, settings.send_ip) if isinstance(ip, str) else ip


def _admit(event: AnyEvent) -> AnyEvent | Receipt:
    noun = event.kind.noun
    # In this order: an organic visitor is of no interest, identified or not.
    if isinstance(event, Lead) and _is_blank(event.tid) and _is_blank(event.ref_id):
        return Receipt(Status.SKIPPED, Reason.ORGANIC)
    if _is_blank(event.email) and _is_blank(event.uid):
        text = "A %s is not sent: its email and its uid are None or blank."
        return _not_sent(event, Status.SKIPPED, Reason.UNIDENTIFIED, text, noun)
    if isinstance(event, Sale | Refund) and _is_zero(event.amount):
        return Receipt(Status.SKIPPED, Reason.ZERO_AMOUNT)
    try:
        return event.checked()
    except BadFieldError as error:
        text = "A %s is not sent, and nothing of it kept: %s."
        return _not_sent(event, Status.REJECTED, Reason.BAD_REQUEST, text, noun, error)


def _not_sent(event: AnyEvent, status: Status, reason: Reason, text: str, *args: object) -> Receipt:
    log_line(logger, logging.ERROR, text, *args, kind=event.kind, status=status, reason=reason)
    return Receipt(status, reason)


def _apply_before_send(settings: FpromSettings, event: AnyEvent) -> AnyEvent | Receipt:
    if settings.before_send is None:
        return event
    noun, kind = event.kind.noun, type(event)
    kept = call_hook(
        settings,
        "FPROM_BEFORE_SEND",
        settings.before_send,
        event,
        meaning=f"the {noun} is dropped",
    )
    if type(kept) is kind:
        return _admit(kept)
    if kept is not None and kept is not FAILED:
        text = "FPROM_BEFORE_SEND returned a %s, not a %s or None: the %s is dropped."
        args = type(kept).__name__, kind.__name__, noun
        return _not_sent(event, Status.SKIPPED, Reason.DROPPED, text, *args)
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


def _is_zero(amount: object) -> bool:
    # What a hook put there may be False, or a float.
    return isinstance(amount, int) and not isinstance(amount, bool) and amount == 0


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool):
        raise _not_whole(name, value)
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what it is for
    except TypeError:
        raise _not_whole(name, value) from None


def _not_whole(name: str, value: object) -> TypeError:
    form = f"{name}=1290 for 12.90 EUR, 1290 for 1290 JPY"
    if type(value).__name__ == "Decimal":
        form += "; minor_units(value, currency) makes it of a Decimal"
    return TypeError(
        f"{name} is of type {type(value).__name__}, and is to be a whole number of the currency's "
        f"minor units: {form}."
    )
