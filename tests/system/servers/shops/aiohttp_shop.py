"""The shop in aiohttp."""

from __future__ import annotations

from aiohttp import web

from fprom_middleware.aiohttp import init_app
from tests.system.servers.shops.registration import PAGE, register_async


async def home(_: web.Request) -> web.Response:
    """The page."""
    return web.Response(text=PAGE, content_type="text/html")


async def go(_: web.Request) -> web.Response:
    """A link that leads to it."""
    raise web.HTTPFound("/")


async def signup(request: web.Request) -> web.Response:
    """The registration."""
    return web.json_response(await register_async(request, request.query["email"]))


async def make_app(_: list[str] | None = None) -> web.Application:
    """Make the app, for ``python -m aiohttp.web`` and for gunicorn."""
    app = web.Application()
    app.add_routes([web.get("/", home), web.get("/go", go), web.post("/signup", signup)])
    init_app(app)
    return app
