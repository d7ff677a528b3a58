"""What goes on for a while: an endless stream that somebody leaves, and a websocket."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware
from tests.support.accounts import Account
from tests.support.visits import REFERRED, TID
from tests.visitor.asgi_apps import Events, readable, without_ours

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.websockets import WebSocket


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
    headers = [(name.lower().encode(), value.encode()) for name, value in REFERRED.items()]
    await app({**scope, "headers": headers}, receive, send)


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
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


def test_a_websocket() -> None:
    """A conversation goes through, its own headers at the handshake included, and reads the tid."""

    async def talk(socket: WebSocket) -> None:
        await socket.accept(headers=[(b"x-own", b"1"), (b"content-type", b"text/html")])
        await socket.send_text(f"{await socket.receive_text()} {socket.state.fprom.tid}")
        await socket.close(4001, "done")

    app = Starlette(routes=[WebSocketRoute("/", talk)])
    with (
        TestClient(FpromMiddleware(app, Account(keep_days=60).fprom)) as client,
        client.websocket_connect("/", headers=REFERRED) as socket,
    ):
        headers: Any = socket.extra_headers
        assert [name for name, _ in headers] == [b"x-own", b"content-type"]
        socket.send_text("hello")
        assert socket.receive_text() == f"hello {TID}"
        assert socket.receive() == {"type": "websocket.close", "code": 4001, "reason": "done"}
