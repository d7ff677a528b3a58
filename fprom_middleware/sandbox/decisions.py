"""What becomes of a call that could be read: taken into the ledger, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .answers import (
    DUPLICATE,
    NOT_FOUND,
    NOT_REFERRED,
    UNKNOWN_VISITOR,
    RefusedError,
    accepted_cancellation,
    accepted_refund,
    accepted_sale,
    accepted_signup,
    repeated,
)
from .currencies import convert
from .received import Kind, ReceivedCancellation, ReceivedLead, ReceivedRefund, ReceivedSale
from .tids import is_sandbox_tid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from .calls import Call
    from .ledger import Ledger
    from .program import Program
    from .received import Received
    from .records import Answer

REPEATED_LEAD: Final = "this email or uid has signed up before"
REPEATED_EVENT: Final = "this event_id was used before"
UNKNOWN_TID: Final = "no click here was given this tid"
FORMER_TID: Final = "this browser's cookie is from before the restart, or from before the clearing"


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that was taken.

    Attributes:
        answer: What the caller gets.
        note: What there is to say about it.
        lead: The lead it made.
        event: The sale, refund or cancellation it was.
    """

    answer: Answer
    note: str = "accepted"
    lead: ReceivedLead | None = None
    event: Received | None = None


def take(call: Call, ledger: Ledger, program: Program, now: datetime) -> Taken:
    """Take a call into the ledger.

    Args:
        call: The call.
        ledger: What arrived so far; it keeps what is taken.
        program: Whose calls these are.
        now: When it arrived, in UTC.

    Returns:
        What was made of it.

    Raises:
        RefusedError: It is not accepted; the ledger is as it was.
    """
    return _TAKERS[call.kind](call, ledger, program, now)


def _take_signup(call: Call, ledger: Ledger, program: Program, now: datetime) -> Taken:
    promoter = _find_promoter(call, ledger, program, UNKNOWN_VISITOR)
    if ledger.find_lead(call.email, call.uid) is not None:
        raise RefusedError(DUPLICATE, REPEATED_LEAD)
    lead = _add_lead(call, ledger, promoter, now)
    return Taken(accepted_signup(lead), lead=lead)


def _take_sale(call: Call, ledger: Ledger, program: Program, now: datetime) -> Taken:
    known = ledger.find_lead(call.email, call.uid)
    promoter = known.promoter if known else _find_promoter(call, ledger, program, NOT_FOUND)
    _check_event_id(call, ledger)
    customer = known or _add_lead(call, ledger, promoter, now)
    amount, note = _in_account_currency(call, program)
    sale = ReceivedSale(
        id=ledger.next_id(Kind.SALE),
        event_id=call.event_id,
        customer=customer,
        promoter=promoter,
        amount=call.amount,
        currency=call.currency,
        account_amount=amount,
        commission=program.commission(amount),
        quantity=call.quantity,
        plan=call.plan,
        mrr=call.mrr,
        promo_code=call.promo_code,
        tid=call.tid,
        ref_id=call.ref_id,
        skip_email_notification=call.skip_email_notification,
        received_at=now,
    )
    ledger.add_event(sale)
    return Taken(accepted_sale(sale, program), note, None if known else customer, sale)


def _take_refund(call: Call, ledger: Ledger, program: Program, now: datetime) -> Taken:
    customer = _find_customer(call, ledger)
    _check_event_id(call, ledger)
    amount, note = _in_account_currency(call, program)
    if call.sale_event_id and not ledger.has_event(Kind.SALE, call.sale_event_id):
        note += "; no sale here has this sale_event_id"
    refund = ReceivedRefund(
        id=ledger.next_id(Kind.REFUND),
        event_id=call.event_id,
        customer=customer,
        promoter=customer.promoter,
        amount=call.amount,
        currency=call.currency,
        account_amount=-amount,
        commission=-program.commission(amount),
        quantity=call.quantity,
        sale_event_id=call.sale_event_id,
        skip_email_notification=call.skip_email_notification,
        received_at=now,
    )
    ledger.add_event(refund)
    answer = accepted_refund(
        refund, ledger.find_history(customer), ledger.earned(customer.promoter)
    )
    return Taken(answer, note, event=refund)


def _take_cancellation(call: Call, ledger: Ledger, _: Program, now: datetime) -> Taken:
    customer = _find_customer(call, ledger)
    cancellation = ReceivedCancellation(
        ledger.next_id(Kind.CANCELLATION), customer, customer.promoter, now
    )
    ledger.add_event(cancellation)
    answer = accepted_cancellation(
        cancellation, ledger.find_history(customer), ledger.earned(customer.promoter)
    )
    return Taken(answer, event=cancellation)


_TAKERS: Final[Mapping[Kind, Callable[[Call, Ledger, Program, datetime], Taken]]] = {
    Kind.SIGNUP: _take_signup,
    Kind.SALE: _take_sale,
    Kind.REFUND: _take_refund,
    Kind.CANCELLATION: _take_cancellation,
}


def _find_promoter(call: Call, ledger: Ledger, program: Program, unknown: Answer) -> str:
    """Find whose lead an unknown customer becomes: the first of the three that is given decides."""
    if call.tid is not None:
        click = ledger.find_click(call.tid)
        if click is None:
            raise RefusedError(unknown, FORMER_TID if is_sandbox_tid(call.tid) else UNKNOWN_TID)
        return click.ref_id
    if call.ref_id is not None:
        if call.ref_id not in program.ref_ids and not ledger.has_promoter(call.ref_id):
            raise RefusedError(unknown, "no click here came by this ref_id")
        return call.ref_id
    if call.promo_code is not None:
        if call.promo_code not in program.promo_codes:
            raise RefusedError(unknown, "no promoter here has this promo_code")
        return program.promo_codes[call.promo_code]
    if call.kind is Kind.SIGNUP:
        raise RefusedError(unknown, "neither tid nor ref_id")
    raise RefusedError(unknown, "no lead here has this email or uid")


def _find_customer(call: Call, ledger: Ledger) -> ReceivedLead:
    customer = ledger.find_lead(call.email, call.uid)
    if customer is None:
        raise RefusedError(NOT_REFERRED, "no lead here has this email or uid")
    return customer


def _check_event_id(call: Call, ledger: Ledger) -> None:
    if ledger.has_event(call.kind, call.event_id):
        raise RefusedError(repeated(call.kind, call.event_id), REPEATED_EVENT)


def _in_account_currency(call: Call, program: Program) -> tuple[int, str]:
    """Return the amount, and what there is to say about the call."""
    if call.currency is None:
        return call.amount, "accepted"
    amount = convert(call.amount, call.currency, program.currency)
    if amount is None:
        return call.amount, "accepted; this currency is not in the table: counted at rate 1"
    return amount, "accepted"


def _add_lead(call: Call, ledger: Ledger, promoter: str, now: datetime) -> ReceivedLead:
    lead = ReceivedLead(
        id=ledger.next_id(Kind.SIGNUP),
        email=call.email,
        uid=call.uid,
        tid=call.tid,
        ref_id=call.ref_id,
        promoter=promoter,
        ip=call.ip,
        created_at=call.created_at or now,
        skip_email_notification=call.skip_email_notification,
        received_at=now,
    )
    ledger.add_lead(lead)
    return lead
