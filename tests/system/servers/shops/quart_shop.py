"""The shop in Quart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quart import Quart, redirect, request

from fprom_middleware.asgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register_async

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

app = Quart(__name__)
app.asgi_app = FpromMiddleware(app.asgi_app)  # type: ignore[method-assign, assignment]


@app.get("/")
async def home() -> str:
    """The page."""
    return PAGE


@app.get("/go")
async def go() -> Response:
    """A link that leads to it."""
    return redirect("/")


@app.post("/signup")
async def signup() -> dict[str, Any]:
    """The registration."""
    return await register_async(request, request.args["email"])
