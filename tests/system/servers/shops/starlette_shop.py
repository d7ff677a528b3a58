"""The shop in Starlette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route

from fprom_middleware.starlette import init_app
from tests.system.servers.shops.registration import PAGE, register_async

if TYPE_CHECKING:
    from starlette.requests import Request


async def home(_: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE)


async def go(_: Request) -> RedirectResponse:
    """A link that leads to it."""
    return RedirectResponse("/")


async def signup(request: Request) -> JSONResponse:
    """The registration."""
    return JSONResponse(await register_async(request, request.query_params["email"]))


app = Starlette(
    routes=[Route("/", home), Route("/go", go), Route("/signup", signup, methods=["POST"])]
)
init_app(app)
