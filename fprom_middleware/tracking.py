"""What a view calls: each function finds the account by the request it is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from .account import MAX_AGE, REFUSE, Fprom
from .errors import FpromNotInstalled
from .events.fields import NOT_GIVEN
from .events.prepare import SignUp
from .events.receipt import Reason, Receipt, Status
from .frames import without_frames
from .visitor.locate import locate

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .visitor.context import TrackingContext

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
    return fprom_of(located).track_signup(
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
    return await fprom_of(located).track_signup_async(
        located,
        email,
        uid=uid,
        ref_id=ref_id,
        created_at=created_at,
        skip_email_notification=skip_email_notification,
        session=session,
    )


def _without_request(email: object, uid: object) -> Receipt:
    # No visitor, in whatever account; but a mistake in the call is one all the same.
    SignUp(email=email, uid=uid)
    return Receipt(Status.SKIPPED, Reason.ORGANIC)


def fprom_of(request: object) -> Fprom:
    """Return the `Fprom` whose middleware saw a request.

    Args:
        request: As in `Fprom.track_signup`.

    Returns:
        The innermost middleware's.

    Raises:
        FpromNotInstalled: No context, or one made by hand, which knows no `Fprom`.
    """
    owner = locate(request).context.owner
    if not isinstance(owner, Fprom):
        msg = (
            "This TrackingContext was made by hand and knows no Fprom. Hand it to yours: "
            "fprom.track_signup(context, email)."
        )
        raise FpromNotInstalled(msg)
    return owner


@without_frames
def dump_tracking(request: object, *, purpose: str = "signup") -> str:
    """Sign who the visitor is, as `Fprom.dump_tracking` does for the request's account."""
    located = locate(request)
    return fprom_of(located).dump_tracking(located, purpose=purpose)


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
