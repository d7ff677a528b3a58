"""How an answer goes out over HTTP: whole, late, cut, reset, or never."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from ..records import Ending

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from ..page.live import Closing
    from ..records import Answer

EXTENSION: Final = "fprom.sandbox.transport"
"""The scope's extension that holds the connection, where the server has one to give."""
HOLD_SECONDS: Final = 120.0
_RESET_AT_CLOSE: Final = struct.pack("ii", 1, 0)


class ConnectionInScope:
    """ASGI application that hands the connection to the one behind it; for uvicorn.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Args:
            scope: The ASGI scope.
            receive: The ASGI receive callable.
            send: The ASGI send callable, of a cycle that has the transport.
        """
        if scope["type"] == "http":
            transport = getattr(getattr(send, "__self__", None), "transport", None)
            scope.setdefault("extensions", {})[EXTENSION] = transport
        await self._app(scope, receive, send)


class AnswerOnWire:
    """ASGI application that sends one answer as it is to go out.

    Args:
        answer: The answer.
        closing: The end of the server, for which no answer is held.
    """

    def __init__(self, answer: Answer, closing: Closing) -> None:
        self._answer = answer
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Args:
            scope: The ASGI scope.
            receive: The ASGI receive callable.
            send: The ASGI send callable.
        """
        answer = self._answer
        if answer.delay:
            await _hold(answer.delay, receive, self._closing)
        transport = scope.get("extensions", {}).get(EXTENSION)
        if answer.ending is Ending.WHOLE or transport is None:
            whole = Response(answer.body, answer.status or 503, headers=answer.headers)
            await whole(scope, receive, send)
            return
        if answer.ending is Ending.NOTHING:
            await _hold(HOLD_SECONDS, receive, self._closing)
        elif answer.ending is Ending.CUT:
            length = max(len(answer.body), 2)
            headers = answer.headers | {"content-length": str(length)}
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": raw})
            half = answer.body[: len(answer.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
        if answer.ending is Ending.RESET:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            transport.abort()
        else:
            transport.close()
        # The server counts the request as ended once it knows that the connection is.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _hold(seconds: float, receive: Receive, closing: Closing) -> None:
    """Wait; for less where the client goes or the server ends."""
    ended = asyncio.Event()
    unwatch = closing.watch(ended.set)
    if closing.closed:
        ended.set()
    waiting = {
        asyncio.ensure_future(_until_gone(receive)),
        asyncio.ensure_future(ended.wait()),
    }
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unwatch()
        for task in waiting:
            task.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
