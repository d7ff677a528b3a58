"""An aiohttp user's code, for mypy and pyright; a line that must not pass says so."""

from __future__ import annotations

from typing import assert_type

from aiohttp import web

from fprom_middleware import Fprom, Receipt, TrackingContext
from fprom_middleware.aiohttp import (
    APP_KEY,
    get_tracking,
    init_app,
    track_sale_async,
    track_signup_async,
)


async def sign_up(request: web.Request) -> web.StreamResponse:
    """Register an account."""
    assert_type(get_tracking(request), TrackingContext)
    receipt = await track_signup_async(request, "a@b.c")
    assert_type(receipt, Receipt)
    track_signup_async(request, "a@b.c")  # type: ignore[unused-coroutine]
    await track_signup_async(request, "a@b.c", userid=7)  # type: ignore[call-arg]
    return web.json_response({"status": receipt.status})


async def webhook(request: web.Request) -> web.StreamResponse:
    """Hear of a payment."""
    fprom = request.app[APP_KEY]
    assert_type(fprom, Fprom)
    assert_type(await track_sale_async(request, uid=7, event_id="in_1", amount=1290), Receipt)
    await track_sale_async(request, uid=7, event_id="in_1", amount=12.9)  # type: ignore[arg-type]
    await fprom.track_sale(uid=7, event_id="in_1", amount=1290)  # type: ignore[misc]
    return web.Response()


def create_app() -> web.Application:
    """Make the shop."""
    app = web.Application()
    app.add_routes([web.post("/signup", sign_up), web.post("/webhook", webhook)])
    assert_type(init_app(app), Fprom)
    init_app(app, "key")  # type: ignore[arg-type]
    return app
