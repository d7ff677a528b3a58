"""The shop in Bottle."""

from __future__ import annotations

from typing import Any

import bottle  # type: ignore[import-untyped]

from fprom_middleware.wsgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register

shop = bottle.Bottle()


@shop.get("/")  # type: ignore[untyped-decorator]
def home() -> str:
    """The page."""
    return PAGE


@shop.get("/go")  # type: ignore[untyped-decorator]
def go() -> None:
    """A link that leads to it."""
    bottle.redirect("/", 302)


@shop.post("/signup")  # type: ignore[untyped-decorator]
def signup() -> dict[str, Any]:
    """The registration."""
    return register(bottle.request, bottle.request.query["email"])


app = FpromMiddleware(shop)
