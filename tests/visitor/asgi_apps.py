"""Every way in which an ASGI app can answer, Starlette's own responses among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.lowlevel
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
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

HERE = Path(__file__)
HTML = [(b"content-type", b"text/html")]
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


def readable(message: Any) -> dict[str, Any]:
    """Copy a message, with its headers as a server reads them."""
    headers = (
        {"headers": [tuple(pair) for pair in message["headers"]]} if "headers" in message else {}
    )
    return {**message, **headers}


CACHES = ((b"vary", b"Cookie"), (b"cache-control", b"private"))


def without_ours(events: Events) -> tuple[Events, int]:
    """Take our cookie out of the heads, and what keeps caches from it; they may only stand last."""
    found, cleaned = 0, []
    for kind, *rest in events:
        if kind == "sent" and rest[0].get("headers"):
            last = rest[0]["headers"][-1]
            if last[1].startswith(b"fprom_keep="):
                found += 1
                headers = rest[0]["headers"][:-1]
                while headers[-1:] and headers[-1] in CACHES:
                    headers = headers[:-1]
                rest = [{**rest[0], "headers": headers}]  # noqa: PLW2901 - the cleaned one
        cleaned.append((kind, *rest))
    return cleaned, found
