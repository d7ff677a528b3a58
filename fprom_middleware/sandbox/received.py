"""What calls become: leads, sales, refunds and cancellations, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime


class Kind(StrEnum):
    """A call of the Tracking API; the value is its path below the base URL, without the slash."""

    SIGNUP = "signup"
    SALE = "sale"
    REFUND = "refund"
    CANCELLATION = "cancellation"


@dataclass(frozen=True, slots=True)
class ReceivedLead:
    """A lead, by a sign-up or by a sale that made it; the fields are what the call said.

    Attributes:
        id: The number given to it, from 1.
        email: The lead's e-mail.
        uid: The caller's own id of the lead.
        tid: The visitor id.
        ref_id: The promoter the call named.
        promoter: Whom the lead is attributed to: the click's promoter where there is a tid.
        ip: The visitor's address.
        created_at: The moment of the sign-up, in UTC; of the call, where that named none.
        skip_email_notification: True where no e-mail should go out.
        received_at: When the call arrived, in UTC.
    """

    id: int
    email: str | None
    uid: str | None
    tid: str | None
    ref_id: str | None
    promoter: str
    ip: str | None
    created_at: datetime
    skip_email_notification: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedSale:
    """A sale that was accepted; but for the attribution and the sums, what the call said.

    Attributes:
        id: The number given to it, from 1.
        event_id: The transaction's id: there is one sale of each.
        customer: The lead that bought.
        promoter: Who earns by it: the lead's promoter.
        amount: In minor units of ``currency``; whole units of one without any, such as JPY.
        currency: None where it is the account's.
        account_amount: The amount in minor units of the account's currency.
        commission: What the promoter earns, in minor units of the account's currency.
        quantity: How many items; None where the call did not say.
        plan: The plan's id.
        mrr: The monthly recurring revenue.
        promo_code: The promoter's coupon.
        tid: The visitor id; it matters only where the customer was unknown.
        ref_id: The promoter the call named; as with the tid.
        skip_email_notification: True where no e-mail should go out.
        received_at: When the call arrived, in UTC.
    """

    kind: ClassVar[Kind] = Kind.SALE

    id: int
    event_id: str
    customer: ReceivedLead
    promoter: str
    amount: int
    currency: str | None
    account_amount: int
    commission: int
    quantity: int | None
    plan: str | None
    mrr: str | None
    promo_code: str | None
    tid: str | None
    ref_id: str | None
    skip_email_notification: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedRefund:
    """A refund that was accepted; but for the attribution and the sums, what the call said.

    Attributes:
        id: The number given to it, from 1.
        event_id: The refund's own id: there is one refund of each.
        customer: The lead that was paid back.
        promoter: Whose commission it takes back.
        amount: In minor units of ``currency``, above zero.
        currency: None where it is the account's.
        account_amount: The amount in minor units of the account's currency, below zero.
        commission: What it takes back, in minor units of the account's currency, below zero.
        quantity: How many items; None where the call did not say.
        sale_event_id: The sale's ``event_id``.
        skip_email_notification: True where no e-mail should go out.
        received_at: When the call arrived, in UTC.
    """

    kind: ClassVar[Kind] = Kind.REFUND

    id: int
    event_id: str
    customer: ReceivedLead
    promoter: str
    amount: int
    currency: str | None
    account_amount: int
    commission: int
    quantity: int | None
    sale_event_id: str | None
    skip_email_notification: bool
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ReceivedCancellation:
    """A cancellation that was accepted.

    Attributes:
        id: The number given to it, from 1.
        customer: The lead that left.
        promoter: Whose lead it is.
        received_at: When the call arrived, in UTC.
    """

    kind: ClassVar[Kind] = Kind.CANCELLATION

    id: int
    customer: ReceivedLead
    promoter: str
    received_at: datetime


Received: TypeAlias = ReceivedSale | ReceivedRefund | ReceivedCancellation
"""What a customer did."""
