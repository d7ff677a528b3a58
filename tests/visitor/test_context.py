"""The tracking context of a request, and finding it on any framework's request."""

from __future__ import annotations

import asyncio
import threading
import wsgiref.util
from collections import UserDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from fprom_middleware import (
    Fprom,
    FpromError,
    FpromNotInstalled,
    TrackingContext,
    get_tracking,
    track_signup,
    track_signup_async,
)
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.visitor.context import KEY
from fprom_middleware.visitor.locate import locate
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.django import django_settings

TID = "f3a1b2c4-1111-4222-8333-abcdefab1234"
CONTEXT = TrackingContext(tid=TID, ref_id="anna-the-promoter", ip="93.184.216.34")
CARRIER = {KEY: CONTEXT}
DISABLED = Fprom({"FPROM_ENABLED": "false"})


class OnlyMapping(Mapping[str, Any]):
    """A mapping that is no dict, as some servers and frameworks have."""

    def __init__(self, inside: Mapping[str, Any]) -> None:
        self.inside = inside

    def __getitem__(self, key: str) -> Any:
        return self.inside[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inside)

    def __len__(self) -> int:
        return len(self.inside)


class Refusing:
    """A request whose properties raise, but for the one that holds."""

    def __init__(self, name: str, error: Exception) -> None:
        self._name = name
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            return CARRIER
        raise self._error


FOUND = {
    "a context": CONTEXT,
    "a dict": CARRIER,
    "a dict's subclass": type("Environ", (dict,), {})(CARRIER),
    "a mapping": OnlyMapping(CARRIER),
    "a UserDict": UserDict(CARRIER),
    "Flask, WebOb, Pyramid, Django, Bottle": SimpleNamespace(environ=CARRIER),
    "Starlette, FastAPI, Quart, Litestar": SimpleNamespace(scope=CARRIER),
    "Falcon": SimpleNamespace(env=CARRIER),
    "CherryPy": SimpleNamespace(wsgi_environ=CARRIER),
    "Emmett": SimpleNamespace(_scope=CARRIER),
    "Sanic and BlackSheep": SimpleNamespace(scope=OnlyMapping(CARRIER), environ=None),
    "a request that is a mapping of its scope": OnlyMapping(CARRIER),
    "an environ beside another one": SimpleNamespace(environ={}, scope=CARRIER),
    "a2wsgi: the scope in an environ": {"asgi.scope": CARRIER},
    "a2wsgi: the environ in a scope": {"wsgi_environ": CARRIER},
    "a request over a2wsgi": SimpleNamespace(environ={"asgi.scope": OnlyMapping(CARRIER)}),
    "a request over a2wsgi, the other way": SimpleNamespace(scope={"wsgi_environ": CARRIER}),
    "something else under the key": SimpleNamespace(environ={KEY: "x"}, scope=CARRIER),
    "a mock around an environ": MagicMock(environ=CARRIER),
    "raising properties": Refusing("scope", ValueError("no")),
    "raising properties at run time": Refusing("_scope", RuntimeError("not in ASGI mode")),
}


@pytest.mark.parametrize("where", FOUND)
def test_found_on_anything(where: str) -> None:
    """Wherever a framework keeps the environ or scope, the context is found."""
    assert get_tracking(FOUND[where]) is CONTEXT


class Proxy:
    """A proxy that cannot even be asked what it is, outside a request."""

    def __init__(self, error: Exception) -> None:
        object.__setattr__(self, "_error", error)

    def __getattribute__(self, name: str) -> Any:
        raise object.__getattribute__(self, "_error")


class RefusingMapping(dict[str, Any]):
    """A mapping that refuses to be read."""

    def get(self, *_: Any) -> Any:
        """Refuse."""
        msg = "Working outside of request context."
        raise RuntimeError(msg)


NOT_FOUND: dict[str, Any] = {
    "None": None,
    "a number": 7,
    "a text": "request",
    "a class": WsgiMiddleware,
    "an empty dict": {},
    "an environ without the middleware": {"REQUEST_METHOD": "GET"},
    "a scope without the middleware": {"type": "http", "asgi.scope": {}, "wsgi_environ": None},
    "something else under the key": {KEY: "x"},
    "a mock": MagicMock(),
    "a plain mock": Mock(),
    "a mock under the key": {KEY: MagicMock()},
    "a mock with a mapping": MagicMock(environ={}, scope={}),
    "an empty namespace": SimpleNamespace(),
    "only Nones": SimpleNamespace(environ=None, scope=None, env=None),
    "a list of pairs": [(KEY, CONTEXT)],
    "the wrong attribute": SimpleNamespace(META=CARRIER),
    "raising properties": Refusing("nowhere", RuntimeError("not in ASGI mode")),
    "raising properties of another kind": Refusing("nowhere", ZeroDivisionError()),
    "a proxy that refuses its class": Proxy(ValueError("no")),
}


@pytest.mark.parametrize("where", NOT_FOUND)
def test_not_found(where: str) -> None:
    """Without the middleware the error shows the lines to add."""
    request_ = NOT_FOUND[where]
    protocol = "asgi" if where == "a scope without the middleware" else "wsgi"

    with pytest.raises(FpromNotInstalled) as caught:
        get_tracking(request_)

    text = str(caught.value)
    assert f"\n    from fprom_middleware.{protocol} import FpromMiddleware\n" in text
    assert "\n    app = FpromMiddleware(app, settings)" in text
    assert type(request_).__name__ in text
    assert isinstance(caught.value, FpromError)
    assert isinstance(caught.value, LookupError)


def make_flask_proxy(stack: ExitStack) -> Any:
    """Return Flask's request as a view imports it."""
    import flask  # noqa: PLC0415 - one of several frameworks, each asked where it is wanted

    stack.enter_context(flask.Flask("shop").test_request_context("/"))
    return flask.request


def make_django_request(stack: ExitStack) -> Any:
    """Return Django's request, as a test of a view makes it."""
    from django.http import HttpRequest  # noqa: PLC0415 - as above

    stack.enter_context(django_settings())
    return HttpRequest()


def make_fastapi_request(_: ExitStack) -> Any:
    """Return the request of a FastAPI app: Starlette's, which says whose app it is."""
    from fastapi import FastAPI, Request  # noqa: PLC0415 - as above

    return Request({"type": "http", "app": FastAPI()})


def make_starlette_socket(_: ExitStack) -> Any:
    """Return Starlette's websocket."""
    from starlette.websockets import WebSocket  # noqa: PLC0415 - as above

    async def nothing(*_arguments: Any) -> Any:
        return None

    return WebSocket({"type": "websocket"}, nothing, nothing)


INIT_APP = "from fprom_middleware.{0} import init_app\n    init_app(app)"
WRAP = "from fprom_middleware.{0} import FpromMiddleware\n    app = FpromMiddleware(app, settings)"
HINTS: dict[str, tuple[Callable[[ExitStack], Any], str, str]] = {
    "Flask": (make_flask_proxy, "This Request ", INIT_APP.format("flask")),
    "Django": (
        make_django_request,
        "This HttpRequest ",
        'MIDDLEWARE = ["fprom_middleware.django.FpromMiddleware", ...]',
    ),
    "FastAPI": (make_fastapi_request, "This Request ", INIT_APP.format("fastapi")),
    "Starlette": (make_starlette_socket, "This WebSocket ", INIT_APP.format("starlette")),
    "a scope of a FastAPI app": (
        lambda stack: make_fastapi_request(stack).scope,
        "This dict ",
        INIT_APP.format("fastapi"),
    ),
    "a scope": (lambda _: {"type": "http"}, "This dict ", WRAP.format("asgi")),
    "an environ": (lambda _: {"REQUEST_METHOD": "GET"}, "This dict ", WRAP.format("wsgi")),
    "another ASGI framework": (
        lambda _: SimpleNamespace(scope={"type": "http"}),
        "This SimpleNamespace ",
        WRAP.format("asgi"),
    ),
    "another WSGI framework": (
        lambda _: SimpleNamespace(environ={"REQUEST_METHOD": "GET"}),
        "This SimpleNamespace ",
        WRAP.format("wsgi"),
    ),
}


@pytest.mark.parametrize("framework", HINTS)
def test_the_lines_of_the_framework_whose_request_it_is(framework: str) -> None:
    """The error names the request's own class, and no other framework's lines."""
    make, name, lines = HINTS[framework]

    with ExitStack() as stack, pytest.raises(FpromNotInstalled) as caught:
        get_tracking(make(stack))

    text = str(caught.value)
    assert text.startswith(name)
    assert text.endswith(lines)
    assert text.count("fprom_middleware.") == 1


def test_only_mappings_are_asked() -> None:
    """What is no mapping may mean anything by `get`, and is left alone."""

    class Client:
        def get(self, *_: object) -> object:
            pytest.fail("a foreign get was called")

    for request_ in (Client(), SimpleNamespace(environ=Client(), scope=Client())):
        with pytest.raises(FpromNotInstalled):
            get_tracking(request_)


OUTSIDE: dict[str, Any] = {
    "Flask": Refusing("nowhere", RuntimeError("Working outside of request context.")),
    "Quart": Refusing("nowhere", RuntimeError("Not within a request context")),
    "a proxy that refuses its class": Proxy(RuntimeError("Working outside of request context.")),
    "a mapping": RefusingMapping(),
}


@pytest.mark.parametrize("which", OUTSIDE)
def test_outside_a_request(which: str) -> None:
    """A proxy outside its request gives a helpful error in place of its own."""
    with pytest.raises(FpromNotInstalled, match="outside a request context") as caught:
        get_tracking(OUTSIDE[which])

    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize("module", ["flask", "quart"])
def test_a_real_proxy_outside_a_request(module: str) -> None:
    """Flask's and Quart's own request proxies are told from a missing middleware."""
    proxy = pytest.importorskip(module).request

    for use in (get_tracking, lambda request: track_signup(request, "anna@example.com")):
        with pytest.raises(FpromNotInstalled, match="outside a request context"):
            use(proxy)


def test_the_mapping_beside_the_context() -> None:
    """A hook is handed the environ or scope that holds the context; a bare one has none."""
    assert locate(SimpleNamespace(scope={"wsgi_environ": CARRIER})) == (CONTEXT, CARRIER)
    assert locate(CONTEXT) == (CONTEXT, None)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_an_asgi_app_inside_a_wsgi_server(loop: asyncio.AbstractEventLoop) -> None:
    """What the WSGI middleware attached is found on the scope that a2wsgi makes."""
    a2wsgi = pytest.importorskip("a2wsgi")
    seen: list[TrackingContext] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(get_tracking(scope))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    environ: dict[str, Any] = {"HTTP_COOKIE": f"_fprom_tid={TID}"}
    wsgiref.util.setup_testing_defaults(environ)
    wrapped = WsgiMiddleware(a2wsgi.ASGIMiddleware(app, loop=loop), DISABLED)
    list(wrapped(environ, lambda *_: print))

    assert [context.tid for context in seen] == [TID]


def test_a_wsgi_app_inside_an_asgi_server() -> None:
    """What the ASGI middleware attached is found on the environ that a2wsgi makes."""
    a2wsgi = pytest.importorskip("a2wsgi")
    seen: list[TrackingContext] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.append(get_tracking(environ))
        start_response("204 No Content", [])
        return []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_message: Any) -> None:
        return

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"cookie", f"_fprom_tid={TID}".encode())],
        "client": ("93.184.216.34", 1),
        "server": ("shop.example", 80),
    }
    asyncio.run(AsgiMiddleware(a2wsgi.WSGIMiddleware(app), DISABLED)(scope, receive, send))

    assert [(context.tid, context.ip) for context in seen] == [(TID, "93.184.216.34")]


# --- Contexts made by hand ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        (None, None),
        ("", None),
        ("93.184.216.34", "93.184.216.34"),
        ("93.184.216.34:4711", "93.184.216.34"),
        ("::ffff:93.184.216.34", "93.184.216.34"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("0.0.0.0", None),
        ("garbage", None),
        ("1.2.3.4, 5.6.7.8", None),
    ],
)
def test_the_address_of_a_bare_context(ip: str | None, expected: str | None) -> None:
    """An address given by hand is read as a header's: one bare address, or none."""
    assert TrackingContext(ip=ip).ip == expected


def test_a_bare_context() -> None:
    """A context holds what it was given; blank is none."""
    moment = datetime(2025, 4, 25, tzinfo=UTC)
    context = TrackingContext("t", "r", "93.184.216.34", moment)

    assert (context.tid, context.ref_id, context.ip) == ("t", "r", "93.184.216.34")
    assert context.captured_at is moment
    empty = TrackingContext(tid="", ref_id="")
    assert (empty.tid, empty.ref_id, empty.ip, empty.captured_at) == (None, None, None, None)


def test_a_context_cannot_be_changed() -> None:
    """What the visitor is, a view cannot rewrite by accident."""
    for name in ("tid", "ref_id", "ip", "captured_at", "other"):
        with pytest.raises(AttributeError):
            setattr(TrackingContext(), name, "x")


def test_a_context_shows_nobody() -> None:
    """A repr tells what is there and hides who it is."""
    assert repr(CONTEXT) == "TrackingContext(tid=…1234, ref_id=…oter, ip=IPv4)"
    assert repr(TrackingContext()) == "TrackingContext(tid=None, ref_id=None, ip=None)"


def test_a_bare_context_knows_no_fprom() -> None:
    """Through the module's functions a bare context is refused, with the line to write."""
    with pytest.raises(FpromNotInstalled, match=r"fprom\.track_signup\(context, email\)"):
        track_signup(TrackingContext(tid=TID), "anna@example.com")


@pytest.mark.anyio
async def test_a_bare_context_knows_no_fprom_in_async_code() -> None:
    """The async function refuses it just so."""
    with pytest.raises(FpromNotInstalled, match=r"fprom\.track_signup\(context, email\)"):
        await track_signup_async(TrackingContext(tid=TID), "anna@example.com")


def test_get_tracking_of_an_fprom() -> None:
    """The method finds what the function finds, and says the same where there is nothing."""
    assert DISABLED.get_tracking(SimpleNamespace(scope=CARRIER)) is CONTEXT
    with pytest.raises(FpromNotInstalled, match=r"app = FpromMiddleware\(app, settings\)"):
        DISABLED.get_tracking({})


@pytest.mark.parametrize("value", ["", " ", "undefined", "null", "NaN", "None", "[object Object]"])
def test_nothing_in_a_context_made_by_hand(value: str) -> None:
    """A form's or a script's word for nothing is nobody's tid."""
    context = TrackingContext(tid=value, ref_id=value, ip=value)

    assert (context.tid, context.ref_id, context.ip) == (None, None, None)
    assert TrackingContext(tid=f" {TID} ").tid == TID
