"""Falcon on both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import falcon.asgi

from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.frameworks import sign_up, sign_up_async

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
