"""The three requests by ASGI: what has to be waited for is done in a thread of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio

from ..delivery.off_loop import run_off_loop
from .calls import MAX_BODY, TOO_LONG, TOO_SLOW, Answer, Route
from .proxy import ScriptProxy, ScriptRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from ..account import Fprom
    from ..visitor.context import RequestTracking

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SLOTS: Final = 8
"""Of the threads of our own, which events of async views are written in as well."""
BODY_SECONDS: Final = 5.0


class AsgiScriptProxy:
    """Answers the three requests of an ASGI app.

    Args:
        fprom: The account.

    Attributes:
        routes: The three, by path.
    """

    def __init__(self, fprom: Fprom) -> None:
        self._proxy = ScriptProxy(fprom, slots=SLOTS)
        self.routes = self._proxy.routes

    async def serve(
        self,
        scope: MutableMapping[str, Any],
        context: RequestTracking,
        receive: Receive,
        send: Send,
    ) -> bool:
        """Answer one of them.

        Returns:
            False where the request is the app's own.
        """
        route = self._route_of(scope) if scope["type"] == "http" else None
        if route is None:
            return False
        request = ScriptRequest(route, scope["method"], header_of(scope), context, scope)
        answer = await answer_async(self._proxy, request, lambda: read_body(receive))
        if answer is None:
            return True
        headers = [
            (name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        return True

    def _route_of(self, scope: Mapping[str, Any]) -> Route | None:
        path, root = scope["path"], scope.get("root_path", "").rstrip("/")
        # As Starlette and Django do it; some servers leave the root out of the path.
        if root and path.startswith(f"{root}/"):
            path = path[len(root) :]
        return self.routes.get(path)


async def answer_async(
    proxy: ScriptProxy,
    request: ScriptRequest,
    read: Callable[[], Awaitable[bytes | Answer | None]],
) -> Answer | None:
    """Answer a request without blocking the event loop.

    Args:
        proxy: What answers.
        request: The request.
        read: Reads the form, or says why not; None where the client has gone.

    Returns:
        None where the client has gone.
    """
    answer = proxy.check(request)
    if answer is not None:
        return answer
    body = b"" if request.route is Route.SCRIPT else await read()
    if not isinstance(body, bytes):
        return body
    with proxy.limits.slot() as free:
        if not free:
            return proxy.give_up(request)
        # A client that has gone gives its slot back when the thread has ended, not before.
        with anyio.CancelScope(shield=True):
            answer = await run_off_loop(lambda: proxy.perform(request, body))
    return answer


def header_of(scope: Mapping[str, Any]) -> Callable[[str], str]:
    """Return what looks a request header up by its lower-case name."""

    def header(name: str) -> str:
        wanted = name.encode("ascii")
        lines = [value for key, value in scope["headers"] if key == wanted]
        return b",".join(lines).decode("latin-1")

    return header


async def read_body(receive: Receive) -> bytes | Answer | None:
    """Read a form.

    Args:
        receive: The ASGI receive callable.

    Returns:
        The whole of it, the answer for one that is too long or too slow, or None where the
        client has gone.
    """
    body = bytearray()
    with anyio.move_on_after(BODY_SECONDS):
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > MAX_BODY:
                return TOO_LONG
            if not message.get("more_body", False):
                return bytes(body)
    return TOO_SLOW
