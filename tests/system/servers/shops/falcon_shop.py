"""The shop in Falcon, for both protocols."""

from __future__ import annotations

import falcon
import falcon.asgi

from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.system.servers.shops.registration import HTML, PAGE, register, register_async


class Home:
    """The page."""

    def on_get(self, _: falcon.Request, resp: falcon.Response) -> None:
        """Show it."""
        resp.content_type, resp.text = HTML, PAGE


class Go:
    """A link that leads to it."""

    def on_get(self, _: falcon.Request, __: falcon.Response) -> None:
        """Follow it."""
        raise falcon.HTTPFound("/")


class SignUp:
    """The registration."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Register."""
        resp.media = register(req, req.get_param("email", required=True))


class AsyncHome:
    """The page."""

    async def on_get(self, _: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Show it."""
        resp.content_type, resp.text = HTML, PAGE


class AsyncGo:
    """A link that leads to it."""

    async def on_get(self, _: falcon.asgi.Request, __: falcon.asgi.Response) -> None:
        """Follow it."""
        raise falcon.HTTPFound("/")


class AsyncSignUp:
    """The registration."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Register."""
        resp.media = await register_async(req, req.get_param("email", required=True))


_wsgi = falcon.App()
_asgi = falcon.asgi.App()
for path, resource, twin in (
    ("/", Home(), AsyncHome()),
    ("/go", Go(), AsyncGo()),
    ("/signup", SignUp(), AsyncSignUp()),
):
    _wsgi.add_route(path, resource)
    _asgi.add_route(path, twin)

wsgi = WsgiMiddleware(_wsgi)
asgi = AsgiMiddleware(_asgi)
