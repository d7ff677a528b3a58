"""One small shop in each framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
import litestar
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fprom_middleware import Fprom, Receipt, track_signup, track_signup_async
from fprom_middleware.asgi import FpromMiddleware
from fprom_middleware.fastapi import init_app as init_fastapi
from fprom_middleware.flask import init_app as init_flask
from fprom_middleware.starlette import init_app as init_starlette

if TYPE_CHECKING:
    from starlette.requests import Request as StarletteRequest
    from starlette.types import ASGIApp

EMAIL = "kim@example.com"


def said(receipt: Receipt) -> str:
    """What a view answers."""
    return f"{receipt.status}, {receipt.durable}"


def flask_app(fprom: Fprom) -> flask.Flask:
    """Flask."""
    app = flask.Flask("shop")
    init_flask(app, fprom)

    @app.post("/register/")
    def register() -> str:
        return said(track_signup(flask.request, EMAIL))

    return app


def starlette_app(fprom: Fprom) -> ASGIApp:
    """Starlette."""

    async def register(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(said(await track_signup_async(request, EMAIL)))

    app = Starlette(routes=[Route("/register/", register, methods=["POST"])])
    init_starlette(app, fprom)
    return app


async def _register(request: Request) -> str:
    return said(await track_signup_async(request, EMAIL))


def fastapi_app(fprom: Fprom) -> ASGIApp:
    """FastAPI."""
    app = FastAPI()
    app.post("/register/")(_register)
    init_fastapi(app, fprom)
    return app


@litestar.post("/register/")
async def _register_there(request: litestar.Request[Any, Any, Any]) -> str:
    return said(await track_signup_async(request, EMAIL))


def litestar_app(fprom: Fprom) -> litestar.Litestar:
    """Litestar, the middleware among its own."""

    def wrap(app: Any) -> Any:
        return FpromMiddleware(app, fprom)

    return litestar.Litestar([_register_there], middleware=[wrap], logging_config=None)
