"""What a view calls: each function finds the account by the request it is handed."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar, cast, overload

from .account import MAX_AGE, REFUSE, Fprom
from .errors import FpromNotInstalled
from .events.fields import NOT_GIVEN
from .events.lead import Lead
from .events.prepare import as_said
from .events.receipt import Reason, Receipt, Status
from .frames import without_frames
from .visitor.locate import locate

if TYPE_CHECKING:
    from collections.abc import Callable

    from .visitor.context import TrackingContext

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


def _by_request(verb: Callable[Concatenate[Fprom, P], R]) -> Callable[P, R]:
    """Make of an account's verb a function that finds the account by the request.

    Arguments, receipt and exceptions are the verb's. `FpromNotInstalled` is also raised for a bare
    `TrackingContext`, which no middleware attached, and where there is no request.
    """
    name = verb.__name__.removesuffix("_async")
    whole = inspect.signature(verb)
    signature = whole.replace(parameters=list(whole.parameters.values())[1:])

    def bind(*args: Any, **kwargs: Any) -> inspect.BoundArguments | Receipt:
        said = signature.bind(*args, **kwargs)
        request = said.arguments.get("request")
        if request is not None:
            said.arguments["request"] = locate(request)
            return said
        if name != "track_signup":
            msg = (
                f"{name} was handed no request, so it knows no Fprom: fprom.{name}(email=..., ...)."
            )
            raise FpromNotInstalled(msg)
        # No visitor, in whatever account; but a mistake in the call is one all the same.
        email, uid = (said.arguments.get(key, NOT_GIVEN) for key in ("email", "uid"))
        as_said(Lead, email=email, uid=uid)
        return Receipt(Status.SKIPPED, Reason.ORGANIC)

    if inspect.iscoroutinefunction(verb):

        async def call_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            said = bind(*args, **kwargs)
            if isinstance(said, Receipt):
                return said
            fprom = fprom_of(said.arguments["request"], call=name)
            return await verb(fprom, *said.args, **said.kwargs)

        return cast("Callable[P, R]", _named(verb, signature, call_async))

    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        said = bind(*args, **kwargs)
        if isinstance(said, Receipt):
            return said
        fprom = fprom_of(said.arguments["request"], call=name)
        return verb(fprom, *said.args, **said.kwargs)

    return cast("Callable[P, R]", _named(verb, signature, call))


def _named(verb: Callable[..., Any], signature: inspect.Signature, call: Callable[..., Any]) -> Any:
    named = without_frames(wraps(verb)(call))
    named.__signature__ = signature  # type: ignore[attr-defined]  # what inspect looks for
    named.__module__, named.__qualname__ = __name__, verb.__name__
    return named


track_signup: Final = _by_request(Fprom.track_signup)
track_signup_async: Final = _by_request(Fprom.track_signup_async)
track_sale: Final = _by_request(Fprom.track_sale)
track_sale_async: Final = _by_request(Fprom.track_sale_async)
track_refund: Final = _by_request(Fprom.track_refund)
track_refund_async: Final = _by_request(Fprom.track_refund_async)
track_cancellation: Final = _by_request(Fprom.track_cancellation)
track_cancellation_async: Final = _by_request(Fprom.track_cancellation_async)


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
