"""What a test may say of an event that it expects: the fields of each kind, none required."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    Id = str | int | UUID | None


class CancellationFields(TypedDict, total=False):
    """Of a `Cancellation`: whom it is about."""

    email: str | None
    uid: Id


class LeadFields(CancellationFields, total=False):
    """Of a `Lead`."""

    tid: str | None
    ref_id: str | None
    ip: str | None
    created_at: datetime | None
    skip_email_notification: bool | None


class _PaymentFields(CancellationFields, total=False):
    event_id: Id
    amount: int
    currency: str | None
    quantity: int | None
    skip_email_notification: bool | None


class SaleFields(_PaymentFields, total=False):
    """Of a `Sale`."""

    plan: Id
    mrr: int | None
    promo_code: str | None
    tid: str | None
    ref_id: str | None


class RefundFields(_PaymentFields, total=False):
    """Of a `Refund`."""

    sale_event_id: Id
