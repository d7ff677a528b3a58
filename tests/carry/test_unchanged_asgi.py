"""An ASGI response that passes through: the same messages, in the same order."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware
from tests.carry.kit import NAVIGATION, TID, Account

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.websockets import WebSocket

pytestmark = [
    pytest.mark.anyio,
    # trio's word for a generator that Starlette leaves when the client is gone.
    pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning"),
]

HERE = Path(__file__)
HTML = [(b"content-type", b"text/html")]
VISITOR = NAVIGATION | {"Cookie": f"_fprom_tid={TID}"}
Events = list[tuple[Any, ...]]


def responding(make: Callable[[Request, Events], Response]) -> Callable[..., Any]:
    """Make an app of one of Starlette's responses."""

    async def app(events: Events, scope: Any, receive: Any, send: Any) -> None:
        await make(Request(scope, receive), events)(scope, receive, send)

    return app


def streamed(_: Request, events: Events) -> Response:
    """Stream in parts, and tell when the generator ends."""

    async def parts() -> AsyncIterator[str]:
        try:
            for part in ("one", "", "twö"):
                events.append(("made", part))
                yield part
        finally:
            events.append(("generator closed",))

    return StreamingResponse(parts(), media_type="text/html")


def streamed_in_a_thread(_: Request, events: Events) -> Response:
    """Stream out of a plain generator."""

    def parts() -> Iterator[bytes]:
        for part in (b"one", b"two"):
            events.append(("made", part))
            yield part

    return StreamingResponse(parts(), media_type="text/html")


def server_sent_events(_: Request, events: Events) -> Response:
    """Send events for as long as somebody listens."""

    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            events.append(("made", number))
            yield f"data: {number}\n\n"
            await anyio.lowlevel.checkpoint()

    return StreamingResponse(parts(), media_type="text/event-stream")


def background(_: Request, events: Events) -> Response:
    """Do something after the answer, in a thread and in the loop."""

    async def waiting() -> None:
        await anyio.lowlevel.checkpoint()
        events.append(("background", "async"))

    tasks = BackgroundTasks([BackgroundTask(events.append, ("background", "sync"))])
    tasks.add_task(waiting)
    return HTMLResponse("<p>ä", background=tasks)


async def echoing(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Answer with what was received, part by part."""
    try:
        body = await Request(scope, receive).body()
    except ClientDisconnect:
        events.append(("disconnected",))
        return
    await HTMLResponse(body)(scope, receive, send)


async def iterators(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Send headers as any iterable, lists for pairs among it, which the protocol allows."""
    for status in (404, 200):
        headers = ([name, value] for name, value in HTML)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"one"})


async def bare_head(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Send a head without headers, then something that is of an extension."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.zerocopysend", "file": 7})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    await send({"type": "http.response.trailers", "headers": [(b"x", b"y")]})


async def failing(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Break before anything."""
    raise ZeroDivisionError


async def failing_late(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Break in the middle of the body."""
    await send({"type": "http.response.start", "status": 200, "headers": HTML, "trailers": True})
    await send({"type": "http.response.body", "body": b"one", "more_body": True})
    raise ZeroDivisionError


async def routed(events: Events, scope: Any, receive: Any, send: Any) -> None:
    """Serve through a whole app, with its own middleware for errors."""

    async def page(request: Request) -> Response:
        return HTMLResponse("page")

    files = StaticFiles(directory=HERE.parent)
    app = Starlette(routes=[Route("/", page), Mount("/files", files)])
    await app(scope, receive, send)


def file(_: Request, __: Events) -> Response:
    """Send this file: ranges, ETag, Last-Modified."""
    return FileResponse(HERE, media_type="text/html")


APPS = {
    "html": responding(lambda *_: HTMLResponse("<p>ä")),
    "nothing": responding(lambda *_: Response(status_code=204)),
    "redirect": responding(lambda *_: RedirectResponse("/welcome", 303)),
    "json": responding(lambda *_: JSONResponse({"a": 1})),
    "not modified": responding(lambda *_: Response(status_code=304, headers={"ETag": '"1"'})),
    "file": responding(file),
    "streamed": responding(streamed),
    "streamed in a thread": responding(streamed_in_a_thread),
    "server-sent events": responding(server_sent_events),
    "background": responding(background),
    "echoing": echoing,
    "iterators": iterators,
    "bare head": bare_head,
    "failing": failing,
    "failing late": failing_late,
    "routed": routed,
}

REQUESTS: dict[str, dict[str, str]] = {
    "whole": {},
    "range": {"Range": "bytes=10-19"},
    "ranges": {"Range": "bytes=0-1, 10-19"},
    "no such range": {"Range": "bytes=9999999-"},
    "known": {"If-None-Match": "*"},
}


def readable(message: Any) -> dict[str, Any]:
    """Copy a message, with its headers as a server reads them."""
    headers = (
        {"headers": [tuple(pair) for pair in message["headers"]]} if "headers" in message else {}
    )
    return {**message, **headers}


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
        "headers": [(k.lower().encode(), v.encode()) for k, v in (VISITOR | headers).items()],
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


def without_ours(events: Events) -> tuple[Events, int]:
    """Take our cookie out of the heads; it may only stand last."""
    found, cleaned = 0, []
    for kind, *rest in events:
        if kind == "sent" and rest[0].get("headers"):
            last = rest[0]["headers"][-1]
            if last[1].startswith(b"fprom_keep="):
                found += 1
                rest = [{**rest[0], "headers": rest[0]["headers"][:-1]}]  # noqa: PLW2901 - the cleaned one
        cleaned.append((kind, *rest))
    return cleaned, found


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


async def listen(app: Any, events: Events) -> None:
    """Take two parts of an endless answer, then close the connection."""
    gone, parts = anyio.Event(), 0

    async def receive() -> Any:
        await gone.wait()
        events.append(("told",))
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal parts
        events.append(("sent", readable(message)))
        parts += message["type"] == "http.response.body"
        if parts == 2:
            gone.set()
            await anyio.sleep_forever()

    # Before version 2.4 of the protocol a server told in receive that the client is gone.
    scope = {"type": "http", "method": "GET", "asgi": {"spec_version": "2.3"}}
    headers = [(name.lower().encode(), value.encode()) for name, value in VISITOR.items()]
    await app({**scope, "headers": headers}, receive, send)


async def test_a_client_that_leaves_an_endless_stream() -> None:
    """The generator is cancelled and closed at the same moment as without the middleware."""

    async def endless(events: Events, scope: Any, receive: Any, send: Any) -> None:
        async def parts() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"more"
            finally:
                events.append(("generator closed",))

        try:
            await StreamingResponse(parts(), media_type="text/html")(scope, receive, send)
        finally:
            events.append(("app ended",))

    bare: Events = []
    events: Events = []
    await listen(partial(endless, bare), bare)
    await listen(FpromMiddleware(partial(endless, events), Account(keep_days=60).fprom), events)
    cleaned, found = without_ours(events)
    order = [one for one in bare if one != ("generator closed",)]
    assert [one for one in cleaned if one != ("generator closed",)] == order
    assert ("told",) in order
    assert found == 1


@pytest.mark.parametrize("path", ["/", "/nowhere", "/files/kit.py", "/files/nowhere"])
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


def test_a_websocket() -> None:
    """A conversation goes through, its own headers at the handshake included, and reads the tid."""

    async def talk(socket: WebSocket) -> None:
        await socket.accept(headers=[(b"x-own", b"1"), (b"content-type", b"text/html")])
        await socket.send_text(f"{await socket.receive_text()} {socket.state.fprom.tid}")
        await socket.close(4001, "done")

    app = Starlette(routes=[WebSocketRoute("/", talk)])
    with (
        TestClient(FpromMiddleware(app, Account(keep_days=60).fprom)) as client,
        client.websocket_connect("/", headers=VISITOR) as socket,
    ):
        headers: Any = socket.extra_headers
        assert [name for name, _ in headers] == [b"x-own", b"content-type"]
        socket.send_text("hello")
        assert socket.receive_text() == f"hello {TID}"
        assert socket.receive() == {"type": "websocket.close", "code": 4001, "reason": "done"}
