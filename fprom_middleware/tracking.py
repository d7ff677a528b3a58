"""What a view calls: each function finds the account by the request it is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from .account import MAX_AGE, REFUSE, Fprom
from .errors import FpromNotInstalled
from .events.fields import NOT_GIVEN
from .events.lead import Lead
from .events.prepare import as_said
from .events.receipt import Reason, Receipt, Status
from .frames import without_frames
from .visitor.locate import locate

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .visitor.context import TrackingContext
    from .visitor.locate import Located

T = TypeVar("T")


@without_frames
def track_signup(
    request: object,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    ref_id: str | None = None,
    created_at: datetime | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Hand in a sign-up to the account whose middleware saw the request.

    Arguments, receipt and exceptions are those of `Fprom.track_signup`; a bare
    `TrackingContext`, which no middleware attached, raises `FpromNotInstalled`.
    """
    if request is None:
        return _without_request(email, uid)
    located = locate(request)
    return fprom_of(located, call="track_signup").track_signup(
        located,
        email,
        uid=uid,
        ref_id=ref_id,
        created_at=created_at,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
async def track_signup_async(
    request: object,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    ref_id: str | None = None,
    created_at: datetime | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Do as `track_signup` without blocking the event loop, on asyncio and trio."""
    if request is None:
        return _without_request(email, uid)
    located = locate(request)
    return await fprom_of(located, call="track_signup").track_signup_async(
        located,
        email,
        uid=uid,
        ref_id=ref_id,
        created_at=created_at,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
def track_sale(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    event_id: str | int | UUID | None,
    amount: int,
    currency: str | None = None,
    quantity: int | None = None,
    plan: str | int | None = None,
    mrr: int | None = None,
    promo_code: str | None = None,
    visitor: object = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Hand in a payment to the account whose middleware saw the request.

    Arguments, receipt and exceptions are those of `Fprom.track_sale`. Without a request, in a job,
    call that: this function raises `FpromNotInstalled`.
    """
    located = _located(request, "track_sale")
    return fprom_of(located, call="track_sale").track_sale(
        located,
        email,
        uid=uid,
        event_id=event_id,
        amount=amount,
        currency=currency,
        quantity=quantity,
        plan=plan,
        mrr=mrr,
        promo_code=promo_code,
        visitor=visitor,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
async def track_sale_async(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    event_id: str | int | UUID | None,
    amount: int,
    currency: str | None = None,
    quantity: int | None = None,
    plan: str | int | None = None,
    mrr: int | None = None,
    promo_code: str | None = None,
    visitor: object = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Do as `track_sale` without blocking the event loop, on asyncio and trio."""
    located = _located(request, "track_sale")
    return await fprom_of(located, call="track_sale").track_sale_async(
        located,
        email,
        uid=uid,
        event_id=event_id,
        amount=amount,
        currency=currency,
        quantity=quantity,
        plan=plan,
        mrr=mrr,
        promo_code=promo_code,
        visitor=visitor,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
def track_refund(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    event_id: str | int | UUID | None,
    amount: int,
    currency: str | None = None,
    quantity: int | None = None,
    sale_event_id: str | int | UUID | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Hand in a refund to the account whose middleware saw the request.

    Arguments, receipt and exceptions are those of `Fprom.track_refund`. Without a request, in a
    job, call that: this function raises `FpromNotInstalled`.
    """
    located = _located(request, "track_refund")
    return fprom_of(located, call="track_refund").track_refund(
        located,
        email,
        uid=uid,
        event_id=event_id,
        amount=amount,
        currency=currency,
        quantity=quantity,
        sale_event_id=sale_event_id,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
async def track_refund_async(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    event_id: str | int | UUID | None,
    amount: int,
    currency: str | None = None,
    quantity: int | None = None,
    sale_event_id: str | int | UUID | None = None,
    skip_email_notification: bool | None = None,
    session: Any = None,
) -> Receipt:
    """Do as `track_refund` without blocking the event loop, on asyncio and trio."""
    located = _located(request, "track_refund")
    return await fprom_of(located, call="track_refund").track_refund_async(
        located,
        email,
        uid=uid,
        event_id=event_id,
        amount=amount,
        currency=currency,
        quantity=quantity,
        sale_event_id=sale_event_id,
        skip_email_notification=skip_email_notification,
        session=session,
    )


@without_frames
def track_cancellation(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    session: Any = None,
) -> Receipt:
    """Hand in the end of a subscription to the account whose middleware saw the request.

    Arguments, receipt and exceptions are those of `Fprom.track_cancellation`. Without a request,
    in a job, call that: this function raises `FpromNotInstalled`.
    """
    located = _located(request, "track_cancellation")
    return fprom_of(located, call="track_cancellation").track_cancellation(
        located,
        email,
        uid=uid,
        session=session,
    )


@without_frames
async def track_cancellation_async(
    request: object = None,
    email: str | None = NOT_GIVEN,
    *,
    uid: str | int | UUID | None = NOT_GIVEN,
    session: Any = None,
) -> Receipt:
    """Do as `track_cancellation` without blocking the event loop, on asyncio and trio."""
    located = _located(request, "track_cancellation")
    return await fprom_of(located, call="track_cancellation").track_cancellation_async(
        located,
        email,
        uid=uid,
        session=session,
    )


def _without_request(email: object, uid: object) -> Receipt:
    # No visitor, in whatever account; but a mistake in the call is one all the same.
    as_said(Lead, email=email, uid=uid)
    return Receipt(Status.SKIPPED, Reason.ORGANIC)


def _located(request: object, call: str) -> Located:
    if request is None:
        msg = f"{call} was handed no request, so it knows no Fprom: fprom.{call}(email=..., ...)."
        raise FpromNotInstalled(msg)
    return locate(request)


def fprom_of(request: object, *, call: str = "track_signup") -> Fprom:
    """Return the `Fprom` whose middleware saw a request.

    Args:
        request: As in `Fprom.track_signup`.
        call: What the error says to call.

    Returns:
        The innermost middleware's.

    Raises:
        FpromNotInstalled: No context, or one made by hand, which knows no `Fprom`.
    """
    owner = locate(request).context.owner
    if not isinstance(owner, Fprom):
        more = ", email" if call.startswith("track_") else ""
        msg = (
            "This TrackingContext was made by hand and knows no Fprom. Hand it to yours: "
            f"fprom.{call}(context{more})."
        )
        raise FpromNotInstalled(msg)
    return owner


@without_frames
def dump_tracking(request: object, *, purpose: str = "signup") -> str:
    """Sign who the visitor is, as `Fprom.dump_tracking` does for the request's account."""
    located = locate(request)
    return fprom_of(located).dump_tracking(located, purpose=purpose)


@without_frames
def stripe_metadata(request: object) -> dict[str, str]:
    """Return what tells a payment provider who paid, as `Fprom.stripe_metadata` does."""
    located = locate(request)
    return fprom_of(located, call="stripe_metadata").stripe_metadata(located)


@overload
def load_tracking(
    request: object, token: object, *, purpose: str = ..., max_age: float | None = ...
) -> TrackingContext: ...


@overload
def load_tracking(
    request: object, token: object, *, purpose: str = ..., max_age: float | None = ..., default: T
) -> TrackingContext | T: ...


@without_frames
def load_tracking(
    request: object,
    token: object,
    *,
    purpose: str = "signup",
    max_age: float | None = MAX_AGE,
    default: Any = REFUSE,
) -> Any:
    """Verify what `dump_tracking` signed, as `Fprom.load_tracking` does.

    The request that brings the token names the account; nothing else of it is read.
    """
    fprom = fprom_of(request)
    if default is REFUSE:
        return fprom.load_tracking(token, purpose=purpose, max_age=max_age)
    return fprom.load_tracking(token, purpose=purpose, max_age=max_age, default=default)
