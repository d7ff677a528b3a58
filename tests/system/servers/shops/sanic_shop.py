"""The shop in Sanic, under an ASGI server."""

from __future__ import annotations

from typing import Any

import sanic

from fprom_middleware.asgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register_async

shop: Any = sanic.Sanic("shop", configure_logging=False)


@shop.get("/")  # type: ignore[untyped-decorator]
async def home(_: Any) -> Any:
    """The page."""
    return sanic.html(PAGE)


@shop.get("/go")  # type: ignore[untyped-decorator]
async def go(_: Any) -> Any:
    """A link that leads to it."""
    return sanic.redirect("/")


@shop.post("/signup")  # type: ignore[untyped-decorator]
async def signup(request: Any) -> Any:
    """The registration."""
    return sanic.json(await register_async(request, request.args.get("email")))


app = FpromMiddleware(shop)
