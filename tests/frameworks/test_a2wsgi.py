"""a2wsgi: one protocol's app behind the other protocol's middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
from a2wsgi import ASGIMiddleware, WSGIMiddleware
from flask import Flask
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.starlette import init_app
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.frameworks import Account, sign_up, sign_up_async

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def make_flask() -> Flask:
    """A WSGI app with a registration view."""
    app = Flask(__name__)

    @app.post("/signup")
    def view() -> dict[str, str | None]:
        return sign_up(flask.request)

    return app


def make_starlette() -> Starlette:
    """An ASGI app with a registration view."""

    async def view(request: Request) -> Response:
        return JSONResponse(await sign_up_async(request))

    return Starlette(routes=[Route("/signup", view, methods=["POST"])])


def test_a_wsgi_app_behind_the_asgi_middleware(account: Account) -> None:
    """The bridge puts the scope into the environ, and the context is found there."""
    bridge: Any = WSGIMiddleware(make_flask())  # type: ignore[arg-type]
    app = Starlette(routes=[Mount("/", bridge)])
    init_app(app, account.fprom)
    account.check_asgi(app)


def test_an_asgi_app_behind_the_wsgi_middleware(account: Account) -> None:
    """The bridge puts the environ into the scope."""
    bridge: Any = ASGIMiddleware(make_starlette())  # type: ignore[arg-type]
    account.check_wsgi(WsgiMiddleware(bridge, account.fprom))


def test_the_app_s_own_middleware_comes_before_the_one_outside(account: Account) -> None:
    """Where both stand, the inner one's account serves the app inside it."""
    outer = Account()
    inside: Any = WsgiMiddleware(make_flask(), account.fprom)
    bridge: Any = WSGIMiddleware(inside)
    app = Starlette(routes=[Mount("/", bridge)])
    account.check_asgi(AsgiMiddleware(app, outer.fprom))
    assert outer.leads == []
