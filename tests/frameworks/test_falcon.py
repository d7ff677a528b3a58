"""Falcon on both protocols."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import falcon
import falcon.asgi
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.frameworks import HEADERS, sign_up, sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account


class SignUp:
    """A resource."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Register somebody."""
        resp.media = sign_up(req)


class AsyncSignUp:
    """The same for the other protocol."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Register somebody without blocking."""
        resp.media = await sign_up_async(req)

    async def on_websocket(self, req: falcon.asgi.Request, ws: falcon.asgi.WebSocket) -> None:
        """Register a visitor over a websocket."""
        await ws.accept()
        await ws.send_text(json.dumps(await sign_up_async(req)))
        await ws.close()


def test_a_resource_under_wsgi_signs_up(account: Account) -> None:
    """Falcon keeps the environ in `.env`."""
    app = falcon.App()
    app.add_route("/signup", SignUp())
    account.check_wsgi(WsgiMiddleware(app, account.fprom))


def test_a_resource_under_asgi_signs_up(account: Account) -> None:
    """And the scope in `.scope`."""
    app: Any = falcon.asgi.App()
    app.add_route("/signup", AsyncSignUp())
    account.check_asgi(AsgiMiddleware(app, account.fprom))


def test_a_websocket_signs_up(account: Account) -> None:
    """Its responder is handed the request of the handshake."""
    app: Any = falcon.asgi.App()
    app.add_route("/ws", AsyncSignUp())
    client = TestClient(AsgiMiddleware(app, account.fprom))
    with client.websocket_connect("/ws", headers=HEADERS) as socket:
        account.check(socket.receive_json())
