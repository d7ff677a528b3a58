"""The middlewares with FPROM_SCRIPT_PROXY, each asked as its own protocol's client asks."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
from aiohttp import web
from aiohttp.test_utils import TestServer
from anyio.from_thread import start_blocking_portal
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import re_path
from starlette.testclient import TestClient
from werkzeug.test import Client

from fprom_middleware import aiohttp, asgi, wsgi
from fprom_middleware.django.account import get_fprom
from tests.support.django import django_settings
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fprom_middleware import Fprom

PEER: Final = "203.0.113.7"
MINE: Final = "the app's own answer"


@dataclass(frozen=True, slots=True)
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_mine(self) -> bool:
        """Whether the app itself gave it."""
        return self.body == MINE.encode()


class Door:
    """An app behind a middleware.

    Args:
        ask: Sends one request: method, path, headers, body.
        fprom: The account.
        peer: What it sees at the other end of its socket.
    """

    def __init__(
        self,
        ask: Callable[[str, str, dict[str, str], bytes], Got],
        fprom: Fprom,
        peer: str = PEER,
    ) -> None:
        self._ask = ask
        self.fprom = fprom
        self.peer = peer

    def __call__(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Got:
        """Send one request."""
        return self._ask(method, path, dict(headers or {}), body)


def wsgi_app(environ: Any, start_response: Any) -> list[bytes]:
    """Answer whatever is asked."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [MINE.encode()]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer whatever is asked."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": MINE.encode()})


def view(request: Any) -> Any:
    """Answer whatever is asked."""
    return HttpResponse(MINE)


async def view_async(request: Any) -> Any:
    """Answer whatever is asked."""
    return HttpResponse(MINE)


class urls:  # noqa: N801 - stands for a module of URLs
    """What Django routes."""

    urlpatterns: Final = [re_path("", view)]


class urls_async:  # noqa: N801 - as above
    """The same without threads."""

    urlpatterns: Final = [re_path("", view_async)]


def ask_wsgi(app: Any, mount: str = "") -> Callable[[str, str, dict[str, str], bytes], Got]:
    """Ask a WSGI app."""
    client = Client(app, use_cookies=False)

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Got:
        own = {name: headers.pop(name) for name in list(headers) if name in SPECIAL}
        answer = client.open(
            path,
            method=method,
            headers=headers,
            data=body,
            content_type=own.get("Content-Type"),
            base_url=f"http://{own.get('Host', 'shop.example')}{mount}",
            environ_overrides={"REMOTE_ADDR": PEER, "SCRIPT_NAME": mount},
        )
        return Got(answer.status_code, _lower(answer.headers.items()), answer.get_data())

    return ask


SPECIAL: Final = ("Content-Type", "Host")


def ask_asgi(app: Any, mount: str = "") -> Callable[[str, str, dict[str, str], bytes], Got]:
    """Ask an ASGI app."""
    client = TestClient(app, base_url="http://shop.example", client=(PEER, 4711), root_path=mount)

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Got:
        answer = client.request(method, mount + path, headers=headers, content=body)
        return Got(answer.status_code, _lower(answer.headers.items()), answer.content)

    return ask


@contextmanager
def serve_aiohttp(settings: Mapping[str, Any], mount: str) -> Iterator[Door]:
    """Serve an aiohttp application on a socket of its own; its peer is this machine."""
    app = web.Application()
    fprom = aiohttp.init_app(app, {**settings, "FPROM_SCRIPT_PROXY": _below(mount, settings)})

    async def mine(_: web.Request) -> web.Response:
        return web.Response(text=MINE)

    app.router.add_route("*", "/{tail:.*}", mine)
    with start_blocking_portal() as portal:
        server = TestServer(app)
        portal.call(server.start_server)
        try:
            with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
                ask = ask_socket(client, f"http://127.0.0.1:{server.port}", mount)
                yield Door(ask, fprom, "127.0.0.1")
        finally:
            portal.call(server.close)


def _below(mount: str, settings: Mapping[str, Any]) -> str | None:
    # aiohttp knows no mounts: a sub-application sees the whole path.
    prefix = settings["FPROM_SCRIPT_PROXY"]
    return None if prefix is None else mount + prefix


def ask_socket(
    client: httpx.Client, base: str, mount: str
) -> Callable[[str, str, dict[str, str], bytes], Got]:
    """Ask a server."""

    def ask(method: str, path: str, headers: dict[str, str], body: bytes) -> Got:
        target = httpx.URL(base).copy_with(raw_path=(mount + path).encode())
        answer = client.request(method, target, headers=headers, content=body)
        return Got(answer.status_code, _lower(answer.headers.items()), answer.content)

    return ask


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


@contextmanager
def open_door(kind: str, settings: Mapping[str, Any], mount: str = "") -> Iterator[Door]:
    """Open a door.

    Args:
        kind: One of `DOORS`.
        settings: FPROM_* keys.
        mount: What the app is mounted under.
    """
    if kind == "wsgi":
        inner = wsgi.FpromMiddleware(wsgi_app, settings)
        yield Door(ask_wsgi(inner, mount), inner.fprom)
    elif kind == "asgi":
        outer = asgi.FpromMiddleware(asgi_app, settings)
        yield Door(ask_asgi(outer, mount), outer.fprom)
    elif kind == "aiohttp":
        with serve_aiohttp(settings, mount) as door:
            yield door
    else:
        routes = urls_async if kind == "django async" else urls
        with django_settings(ROOT_URLCONF=routes, **settings):
            if kind == "django async":
                yield Door(ask_asgi(ASGIHandler(), mount), get_fprom())
            else:
                yield Door(ask_wsgi(WSGIHandler(), mount), get_fprom())


DOORS: Final = ("wsgi", "asgi", "django", "django async", "aiohttp")
