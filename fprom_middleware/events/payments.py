"""What a customer pays, gets back, and ends: the events that commissions are made of.

Amounts are whole numbers in the currency's minor unit, before tax: 1290 is 12.90 EUR, and 1290 JPY.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from .event import Event, Kind

DOUBLE_COMMISSION: Final = (
    "Where FirstPromoter is connected to the payment provider (Stripe, Paddle, Chargebee, Recurly, "
    "Braintree), a sale that is sent here as well is credited twice: send none, and hand over the "
    "tid instead (stripe_metadata)."
)
"""What everyone who sends sales has to know first; source: the vendor's own guides."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sale(Event):
    """One payment that was confirmed; a renewal is a sale of its own.

    Attributes:
        email: The customer's e-mail address.
        uid: The app's own id of the customer.
        event_id: The payment's id at the provider: the same one again is no second sale.
        amount: Minor units, above zero.
        currency: ISO 4217, where it is not the account's own.
        quantity: Items, where there are several.
        plan: The provider's id of the plan.
        mrr: What the customer pays a month, minor units; for statistics only.
        promo_code: A promoter's own coupon.
        tid: The visitor id, where this is lead and sale in one.
        ref_id: The promoter's referral id, likewise.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.
    """

    kind: ClassVar[Kind] = Kind.SALE
    text_fields: ClassVar[frozenset[str]] = frozenset({"mrr"})

    event_id: str
    amount: int
    currency: str | None = None
    quantity: int | None = None
    plan: str | None = None
    mrr: int | None = None
    promo_code: str | None = None
    tid: str | None = None
    ref_id: str | None = None
    skip_email_notification: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Refund(Event):
    """Money that went back to a customer.

    Attributes:
        email: The customer's e-mail address.
        uid: The app's own id of the customer.
        event_id: The refund's id at the provider: the same one again is no second refund.
        amount: Minor units, above zero: what went back.
        currency: ISO 4217, where it is not the account's own.
        quantity: Items, where there are several.
        sale_event_id: The `event_id` of the sale that it is about.
        skip_email_notification: True keeps FirstPromoter from sending its e-mail.
    """

    kind: ClassVar[Kind] = Kind.REFUND
    text_fields: ClassVar[frozenset[str]] = frozenset({"amount", "quantity"})

    event_id: str
    amount: int
    currency: str | None = None
    quantity: int | None = None
    sale_event_id: str | None = None
    skip_email_notification: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cancellation(Event):
    """A subscription that has ended.

    Attributes:
        email: The customer's e-mail address.
        uid: The app's own id of the customer.
    """

    kind: ClassVar[Kind] = Kind.CANCELLATION
