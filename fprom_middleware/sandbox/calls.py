"""The four calls of the Tracking API as data: their fields, and how each is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .fields import (
    BadCallError,
    BadFieldError,
    read_count,
    read_count_or_digits,
    read_flag,
    read_moment,
    read_object,
    read_text,
)
from .received import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    Reader = Callable[[dict[str, Any], str], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a call of some kind may hold; each names its customer by email or uid, or by both.

    Attributes:
        fields: How each field is read, by name.
        required: The fields without which there is no such call.
    """

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = ()


_CUSTOMER: Final[Mapping[str, Reader]] = {"email": read_text, "uid": read_text}
_SKIP: Final[Mapping[str, Reader]] = {"skip_email_notification": read_flag}

SHAPES: Final[Mapping[Kind, Shape]] = {
    Kind.SIGNUP: Shape(
        {
            **_CUSTOMER,
            "tid": read_text,
            "ref_id": read_text,
            "ip": read_text,
            "created_at": read_moment,
            **_SKIP,
        }
    ),
    Kind.SALE: Shape(
        {
            **_CUSTOMER,
            "event_id": read_text,
            "amount": read_count,
            "currency": read_text,
            "quantity": read_count,
            "plan": read_text,
            "mrr": read_text,
            "promo_code": read_text,
            "tid": read_text,
            "ref_id": read_text,
            **_SKIP,
        },
        required=("event_id", "amount"),
    ),
    # The document has a refund's figures in quotes; without them they are taken too.
    Kind.REFUND: Shape(
        {
            **_CUSTOMER,
            "event_id": read_text,
            "amount": read_count_or_digits,
            "currency": read_text,
            "quantity": read_count_or_digits,
            "sale_event_id": read_text,
            **_SKIP,
        },
        required=("event_id", "amount"),
    ),
    Kind.CANCELLATION: Shape(_CUSTOMER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it was read; what it did not say, or what its kind does not have, is None.

    Attributes:
        kind: Which of the four.
        email: The lead's e-mail.
        uid: The caller's own id of the lead.
        tid: The visitor id.
        ref_id: The promoter's referral id.
        promo_code: The promoter's coupon.
        ip: The visitor's address.
        created_at: The moment of the sign-up, in UTC.
        event_id: The transaction's id; blank where the kind has none.
        amount: In minor units; 0 where the kind has none.
        currency: What the amount is in; None for the account's.
        quantity: How many items.
        plan: The plan's id.
        mrr: The monthly recurring revenue.
        sale_event_id: The sale of a refund.
        skip_email_notification: True where no e-mail should go out.
    """

    kind: Kind
    email: str | None = None
    uid: str | None = None
    tid: str | None = None
    ref_id: str | None = None
    promo_code: str | None = None
    ip: str | None = None
    created_at: datetime | None = None
    event_id: str = ""
    amount: int = 0
    currency: str | None = None
    quantity: int | None = None
    plan: str | None = None
    mrr: str | None = None
    sale_event_id: str | None = None
    skip_email_notification: bool = False


def read_call(kind: Kind, content_type: str | None, body: bytes) -> Call:
    """Read a call.

    Args:
        kind: Which of the four it is.
        content_type: The header's value; None where the call has none, which is forgiven.
        body: The body as it came. Fields that the kind does not have are passed over.

    Returns:
        The call.

    Raises:
        BadCallError: It names no customer, lacks what it needs, or holds a value of a wrong type.
    """
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        msg = "the Content-Type is not application/json"
        raise BadCallError(msg)
    shape = SHAPES[kind]
    fields = read_object(body)
    values = {name: read(fields, name) for name, read in shape.fields.items()}
    if values["email"] is None and values["uid"] is None:
        msg = "neither email nor uid"
        raise BadCallError(msg)
    for name in shape.required:
        if values[name] is None:
            raise BadFieldError(name, "is missing or blank")
    return Call(kind=kind, **values)
