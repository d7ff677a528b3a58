"""FastAPI: a Starlette app with another name; the same verbs, and two dependencies."""

# Without `annotations` from the future: FastAPI reads what a dependency asks for.

from typing import Annotated

from .account import Fprom
from .extras import needs_extra
from .tracking import fprom_of
from .visitor.context import TrackingContext
from .visitor.locate import get_tracking as find_tracking

with needs_extra("fastapi"):
    from fastapi import Depends
    from fastapi.requests import HTTPConnection

from .starlette import (
    FpromMiddleware,
    dump_tracking,
    init_app,
    init_templates,
    lifespan,
    load_tracking,
    stripe_metadata,
    track_cancellation,
    track_cancellation_async,
    track_refund,
    track_refund_async,
    track_sale,
    track_sale_async,
    track_signup,
    track_signup_async,
)

__all__ = [
    "FpromDep",
    "FpromMiddleware",
    "Tracking",
    "dump_tracking",
    "get_tracking",
    "init_app",
    "init_templates",
    "lifespan",
    "load_tracking",
    "stripe_metadata",
    "track_cancellation",
    "track_cancellation_async",
    "track_refund",
    "track_refund_async",
    "track_sale",
    "track_sale_async",
    "track_signup",
    "track_signup_async",
]


def get_tracking(request: HTTPConnection) -> TrackingContext:
    """Return a request's or a websocket's tracking context; ``Depends(get_tracking)`` works, too.

    Args:
        request: FastAPI hands in what it serves.

    Returns:
        The context, as `fprom_middleware.get_tracking` finds it.

    Raises:
        FpromNotInstalled: No middleware ran before; the text shows the lines to add.
    """
    return find_tracking(request)


# Async, for FastAPI calls what is not in a thread, which waits where all threads are busy.
async def _tracking(request: HTTPConnection) -> TrackingContext:
    return find_tracking(request)


async def _fprom(request: HTTPConnection) -> Fprom:
    return fprom_of(request)


Tracking = Annotated[TrackingContext, Depends(_tracking)]
"""A parameter of this type is the tracking context: ``async def view(tracking: Tracking)``."""
FpromDep = Annotated[Fprom, Depends(_fprom)]
"""A parameter of this type is the `Fprom` whose middleware served the request."""
