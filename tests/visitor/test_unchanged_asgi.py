"""An ASGI response that passes through: the same messages, in the same order."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio.lowlevel
import pytest
from starlette.requests import ClientDisconnect

from fprom_middleware.asgi import FpromMiddleware
from tests.support.accounts import Account
from tests.support.visits import REFERRED
from tests.visitor.asgi_apps import APPS, HTML, Events, readable, routed, without_ours

pytestmark = [
    pytest.mark.anyio,
    # trio's word for a generator that Starlette leaves when the client is gone.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

REQUESTS: dict[str, dict[str, str]] = {
    "whole": {},
    "range": {"Range": "bytes=10-19"},
    "ranges": {"Range": "bytes=0-1, 10-19"},
    "no such range": {"Range": "bytes=9999999-"},
    "known": {"If-None-Match": "*"},
}


async def serve(
    app: Any,
    method: str,
    headers: dict[str, str],
    events: Events,
    *,
    gone_after: int | None = None,
    path: str = "/",
) -> None:
    """Do what a server does, and write down what happens in which order."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "client": ("203.0.113.7", 4711),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (REFERRED | headers).items()],
    }
    incoming = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.disconnect"} if gone_after == 0 else {"type": "http.request", "body": b"b"},
    ]
    sent = 0

    async def receive() -> Any:
        if not incoming:
            await anyio.lowlevel.checkpoint()
            return {"type": "http.disconnect"}
        events.append(("received", incoming[0]["type"]))
        return incoming.pop(0)

    async def send(message: Any) -> None:
        nonlocal sent
        sent += 1
        if gone_after is not None and sent > gone_after:
            events.append(("client gone", message["type"]))
            raise OSError
        events.append(("sent", readable(message)))

    try:
        await app(scope, receive, send)
    except (ZeroDivisionError, OSError, ClientDisconnect) as error:
        events.append(("raised", type(error).__name__))


@pytest.fixture(autouse=True)
def _one_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a file are told apart by a random text, which would differ each time."""
    monkeypatch.setattr("starlette.responses.token_hex", lambda size: "0" * size * 2, raising=False)


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("request_kind", REQUESTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("gone_after", [None, 0, 1, 2])
async def test_nothing_else_changes(
    name: str, request_kind: str, method: str, gone_after: int | None
) -> None:
    """With and without the middleware: the same events, but for one Set-Cookie at most a head."""
    app, headers = APPS[name], REQUESTS[request_kind]
    bare: Events = []
    await serve(partial(app, bare), method, headers, bare, gone_after=gone_after)
    for account in (Account(), Account(keep_days=60), Account(keep_days=60, consent=lambda _: 0)):
        events: Events = []
        wrapped = FpromMiddleware(partial(app, events), account.fprom)
        await serve(wrapped, method, headers, events, gone_after=gone_after)
        cleaned, found = without_ours(events)
        if name == "bare head":
            # Where there were no headers there may be an empty list of them.
            cleaned = [(k, {**m, "headers": []}) if "status" in m else (k, m) for k, m in cleaned]
            bare = [(k, {**m, "headers": []}) if "status" in m else (k, m) for k, m in bare]
        assert cleaned == bare
        assert found == 0 or (method == "GET" and account.fprom.settings.keep_days)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/files/asgi_apps.py", "/files/nowhere"])
@pytest.mark.parametrize("request_kind", REQUESTS)
async def test_a_whole_app(path: str, request_kind: str) -> None:
    """Static files, 304s and pages for what is not there go through as they are."""
    bare: Events = []
    events: Events = []
    headers = REQUESTS[request_kind]
    await serve(partial(routed, bare), "GET", headers, bare, path=path)
    wrapped = FpromMiddleware(partial(routed, events), Account(keep_days=60).fprom)
    await serve(wrapped, "GET", headers, events, path=path)
    cleaned, found = without_ours(events)
    assert cleaned == bare
    assert found == (path == "/")


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("html", 1),
        ("redirect", 1),
        ("file", 1),
        ("streamed", 1),
        ("background", 1),
        ("echoing", 1),
        ("iterators", 1),
        ("failing late", 1),
        ("nothing", 0),
        ("json", 0),
        ("not modified", 0),
        ("server-sent events", 0),
        ("bare head", 0),
    ],
)
async def test_which_heads_carry_the_cookie(name: str, heads: int) -> None:
    """Each head that is a page of its own; never an error's, and never a stream of events."""
    events: Events = []
    app = FpromMiddleware(partial(APPS[name], events), Account(keep_days=60).fprom)
    await serve(app, "GET", {}, events)
    assert without_ours(events)[1] == heads


async def test_what_the_app_holds_is_left_alone() -> None:
    """Apps share messages and lists of headers: a cookie in one would reach everybody."""
    shared = {"type": "http.response.start", "status": 200, "headers": list(HTML)}

    async def app(_: Any, __: Any, send: Any) -> None:
        await send(shared)

    fprom = Account(keep_days=60).fprom
    for _ in range(2):
        events: Events = []
        await serve(FpromMiddleware(app, fprom), "GET", {}, events)
        assert without_ours(events)[1] == 1
    assert shared == {"type": "http.response.start", "status": 200, "headers": HTML}


async def test_without_a_cookie_to_write_send_is_the_servers_own() -> None:
    """Nothing stands between the app and the server then."""
    handed: list[Any] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        handed.extend((receive, send))

    async def receive() -> Any: ...
    async def send(_: Any) -> None: ...

    for kind, method in (("http", "POST"), ("websocket", "")):
        scope = {"type": kind, "method": method, "headers": [(b"cookie", b"_fprom_tid=1")]}
        await FpromMiddleware(app, Account(keep_days=60).fprom)(scope, receive, send)
    assert handed == [receive, send, receive, send]
