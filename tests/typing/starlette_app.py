"""A Starlette user's code, for mypy and pyright; a line that must not pass says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_type

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fprom_middleware import (
    Fprom,
    FpromSettings,
    Receipt,
    TrackingContext,
    get_tracking,
    track_sale_async,
    track_signup,
    track_signup_async,
)
from fprom_middleware.asgi import FpromMiddleware
from fprom_middleware.starlette import init_app, lifespan

if TYPE_CHECKING:
    from starlette.requests import Request


async def sign_up(request: Request) -> Response:
    """Register an account."""
    tracking = get_tracking(request)
    assert_type(tracking, TrackingContext)
    assert_type(tracking.ip, str | None)
    receipt = await track_signup_async(request, "a@b.c")
    assert_type(receipt, Receipt)
    await track_signup(request, "a@b.c")  # type: ignore[misc]
    track_signup_async(request, "a@b.c")  # type: ignore[unused-coroutine]
    await track_signup_async(request, mail="a@b.c")  # type: ignore[call-arg]
    return JSONResponse({"status": receipt.status})


async def webhook(request: Request) -> Response:
    """Hear of a payment."""
    assert_type(await track_sale_async(request, uid=7, event_id="in_1", amount=1290), Receipt)
    await track_sale_async(request, uid=7, event_id="in_1", amount=12.9)  # type: ignore[arg-type]
    await track_sale_async(request, uid=7, event_id="in_1")  # type: ignore[call-arg]
    return Response()


def create_app() -> Starlette:
    """Make the shop."""
    app = Starlette(
        routes=[Route("/signup", sign_up), Route("/webhook", webhook)],
        middleware=[Middleware(FpromMiddleware, FpromSettings(enabled=False))],
        lifespan=lifespan,
    )
    Middleware(FpromMiddleware, fprm=None)  # type: ignore[call-arg]
    Middleware(FpromMiddleware, "key")  # type: ignore[arg-type]
    assert_type(init_app(app), Fprom)
    return app
