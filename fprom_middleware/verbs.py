"""What can be said to an account: a sign-up, a sale, a refund, a cancellation."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec

from .events.fields import NOT_GIVEN
from .events.lead import Lead
from .events.payments import Cancellation, Refund, Sale
from .events.prepare import as_said
from .frames import without_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime
    from uuid import UUID

    from .events.kinds import AnyEvent
    from .events.receipt import Receipt


P = ParamSpec("P")


class _Awaited:
    """Stands for an account in a verb that is awaited: what it hands in is handed in so."""

    def __init__(self, account: TrackingVerbs) -> None:
        self._hand_in = account._hand_in_async  # noqa: SLF001 - the account's own other half


def _awaited(
    verb: Callable[Concatenate[TrackingVerbs, P], Receipt],
) -> Callable[Concatenate[TrackingVerbs, P], Coroutine[Any, Any, Receipt]]:
    """Make of a verb the one that does not block the event loop."""
    said: Any = inspect.unwrap(verb)

    @wraps(verb)
    async def call(self: TrackingVerbs, /, *args: P.args, **kwargs: P.kwargs) -> Receipt:
        receipt: Receipt = await said(_Awaited(self), *args, **kwargs)
        return receipt

    call.__name__ = f"{verb.__name__}_async"
    call.__qualname__ = f"{verb.__qualname__}_async"
    call.__doc__ = f"Do as `{verb.__name__}` without blocking the event loop, on asyncio and trio."
    return without_frames(call)


class TrackingVerbs:
    """The verbs of an `Fprom`: each makes an event of what it is told, and hands it in."""

    def _hand_in(
        self, event: AnyEvent, *, request: object, visitor: object, session: Any
    ) -> Receipt:
        """Take an event; `request` and `visitor` are as in `track_sale`."""
        raise NotImplementedError  # pragma: no cover - an account has its own

    async def _hand_in_async(
        self, event: AnyEvent, *, request: object, visitor: object, session: Any
    ) -> Receipt:
        """Do as `_hand_in` without blocking the event loop."""
        raise NotImplementedError  # pragma: no cover - likewise

    @without_frames
    def track_signup(
        self,
        request: object,
        email: str | None = NOT_GIVEN,
        *,
        uid: str | int | UUID | None = NOT_GIVEN,
        ref_id: str | None = None,
        created_at: datetime | None = None,
        skip_email_notification: bool | None = None,
        session: Any = None,
    ) -> Receipt:
        """Hand in a sign-up, once the account exists.

        Args:
            request: Any framework's request, a raw environ or scope, or a `TrackingContext`;
                None stands for no request, and so for no visitor.
            email: The e-mail address of the new account, 320 characters at the most. Either this
                or `uid` is given; None and blank text count as no address.
            uid: The app's own id of the account, 255 characters at the most; an int or a UUID
                becomes text.
            ref_id: A promoter's referral id to attribute to, sent beside the tid.
            created_at: The moment of the sign-up, by default now; a naive one is taken as UTC.
            skip_email_notification: True keeps FirstPromoter from sending its e-mail.
            session: The caller's own database transaction: a SQLAlchemy Session or Connection, or
                Django's connection. The event exists exactly when what it commits does. Inline
                delivery has no row to write into it.

        Returns:
            What became of it. Visitors, the network, the API and the database never raise.

        Raises:
            ValueError: Neither email nor uid was given.
            FpromNotInstalled: The request holds no tracking context.
            FpromConfigError: `session` is bound to another database than the outbox.
        """
        event = as_said(
            Lead,
            email=email,
            uid=uid,
            ref_id=ref_id,
            created_at=created_at,
            skip_email_notification=skip_email_notification,
        )
        return self._hand_in(event, request=request, visitor=request, session=session)

    track_signup_async: Final = _awaited(track_signup)

    @without_frames
    def track_sale(
        self,
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
        """Hand in a payment, once the provider has confirmed it; a renewal is one of its own.

        Send none where FirstPromoter is connected to the payment provider (Stripe, Paddle,
        Chargebee, Recurly, Braintree): each would be credited twice. Hand over the tid there, as
        `stripe_metadata` gives it.

        Args:
            request: As in `track_signup`, where there is one: it says which account is meant, and
                nothing of its visitor is sent. None, in a job.
            email: As in `track_signup`: the customer's.
            uid: As in `track_signup`: the customer's.
            event_id: The payment's id at the provider, 255 characters at the most; the same one
                again is no second sale.
            amount: A whole number of the currency's minor units, before tax: 1290 is 12.90 EUR,
                and 1290 JPY. Zero is no sale.
            currency: Three letters of ISO 4217, where it is not the account's own.
            quantity: Items, where there are several.
            plan: The provider's id of the plan.
            mrr: What the customer pays a month, as `amount`; for statistics only.
            promo_code: A promoter's own coupon: lead and sale in one.
            visitor: A `TrackingContext`, or a request of the customer's browser: its tid, else its
                ref_id, is sent too, for lead and sale in one.
            skip_email_notification: True keeps FirstPromoter from sending its e-mail.
            session: As in `track_signup`.

        Returns:
            What became of it. What a webhook can hold, the network, the API and the database
            never raise.

        Raises:
            ValueError: Neither email nor uid was given.
            TypeError: `amount` or `mrr` is not a whole number.
            FpromNotInstalled: The request holds no tracking context.
            FpromConfigError: `session` is bound to another database than the outbox.
        """
        event = as_said(
            Sale,
            email=email,
            uid=uid,
            event_id=event_id,
            amount=amount,
            currency=currency,
            quantity=quantity,
            plan=plan,
            mrr=mrr,
            promo_code=promo_code,
            skip_email_notification=skip_email_notification,
        )
        return self._hand_in(event, request=request, visitor=visitor, session=session)

    track_sale_async: Final = _awaited(track_sale)

    @without_frames
    def track_refund(
        self,
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
        """Hand in money that went back to a customer, wholly or in part.

        Args:
            request: As in `track_sale`.
            email: As in `track_sale`.
            uid: As in `track_sale`.
            event_id: The refund's id at the provider, not the payment's.
            amount: What went back, a whole number of minor units above zero, as in `track_sale`.
            currency: As in `track_sale`.
            quantity: As in `track_sale`.
            sale_event_id: The `event_id` of the sale, which several products need.
            skip_email_notification: As in `track_sale`.
            session: As in `track_signup`.

        Returns:
            What became of it, as `track_sale` does.

        Raises:
            Exception: As `track_sale` does.
        """
        event = as_said(
            Refund,
            email=email,
            uid=uid,
            event_id=event_id,
            amount=amount,
            currency=currency,
            quantity=quantity,
            sale_event_id=sale_event_id,
            skip_email_notification=skip_email_notification,
        )
        return self._hand_in(event, request=request, visitor=None, session=session)

    track_refund_async: Final = _awaited(track_refund)

    @without_frames
    def track_cancellation(
        self,
        request: object = None,
        email: str | None = NOT_GIVEN,
        *,
        uid: str | int | UUID | None = NOT_GIVEN,
        session: Any = None,
    ) -> Receipt:
        """Hand in that a customer's subscription has ended.

        Args:
            request: As in `track_sale`.
            email: As in `track_sale`.
            uid: As in `track_sale`.
            session: As in `track_signup`.

        Returns:
            What became of it, as `track_sale` does.

        Raises:
            Exception: As `track_sale` does, without an amount.
        """
        event = as_said(Cancellation, email=email, uid=uid)
        return self._hand_in(event, request=request, visitor=None, session=session)

    track_cancellation_async: Final = _awaited(track_cancellation)
