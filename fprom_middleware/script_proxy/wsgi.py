"""The three requests by WSGI: bounded in number, for each holds one of the server's threads."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from ..visitor.attach import header_key
from .calls import MAX_BODY, TOO_LONG, TOO_SLOW, Answer, Route
from .proxy import ScriptProxy, ScriptRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import InputStream, StartResponse, WSGIEnvironment

    from ..account import Fprom
    from ..visitor.context import RequestTracking

SLOTS: Final = 2
"""Of a server's threads, which are often four."""
BODY_SECONDS: Final = 2.0
"""For a form that comes in pieces; a server that waits for a silent client waits by itself."""

# CGI's names.
_KEYS: Final = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}


class WsgiScriptProxy:
    """Answers the three requests of a WSGI app.

    Args:
        fprom: The account.

    Attributes:
        routes: The three, by PATH_INFO.
    """

    def __init__(self, fprom: Fprom) -> None:
        self._proxy = ScriptProxy(fprom, slots=SLOTS)
        self.routes = self._proxy.routes

    def serve(
        self, environ: WSGIEnvironment, context: RequestTracking, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer one of them."""
        route, method = self.routes[environ["PATH_INFO"]], environ["REQUEST_METHOD"]
        request = ScriptRequest(route, method, header_of(environ), context, environ)
        answer = answer_blocking(self._proxy, request, lambda: read_input(environ))
        phrase = HTTPStatus(answer.status).phrase if answer.status in _STATUSES else "Unknown"
        start_response(f"{answer.status} {phrase}", list(answer.headers))
        return [answer.body]


_STATUSES: Final = frozenset(HTTPStatus)


def answer_blocking(
    proxy: ScriptProxy, request: ScriptRequest, read: Callable[[], bytes | Answer]
) -> Answer:
    """Answer a request in this thread.

    Args:
        proxy: What answers.
        request: The request.
        read: Reads the form, or says why not.
    """
    answer = proxy.check(request)
    if answer is not None:
        return answer
    with proxy.limits.slot() as free:
        if not free:
            return proxy.give_up(request)
        body = b"" if request.route is Route.SCRIPT else read()
        return body if isinstance(body, Answer) else proxy.perform(request, body)


def header_of(environ: Mapping[str, Any]) -> Callable[[str], str]:
    """Return what looks a request header up by its lower-case name."""
    return lambda name: str(environ.get(_KEYS.get(name) or header_key(name)) or "")


def read_input(environ: Mapping[str, Any]) -> bytes | Answer:
    """Read a form whose length is not said or is short.

    Args:
        environ: The request's.

    Returns:
        The whole of it, or the answer for one that is too long or too slow.
    """
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if length:
        return read_form(stream, int(length))
    # Without a length, only a server that ends the stream itself can be read from.
    return read_form(stream, MAX_BODY + 1) if environ.get("wsgi.input_terminated") else b""


def read_form(stream: InputStream, most: int) -> bytes | Answer:
    """Read a form to its end, to so many bytes, or for so long."""
    body, ends = bytearray(), time.monotonic() + BODY_SECONDS
    # A byte at a time: a read of more waits until all of it is there.
    while len(body) < most and (byte := stream.read(1)):
        body += byte
        if time.monotonic() > ends:
            return TOO_SLOW
    return bytes(body) if len(body) <= MAX_BODY else TOO_LONG
