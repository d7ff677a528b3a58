"""FirstPromoter at the edge of httpx, or on a socket; in good health unless told otherwise."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Says = int | httpx.Response | Exception


@dataclass(frozen=True)
class Seen:
    """One call that the API received."""

    at: float
    body: dict[str, Any]
    raw: bytes
    url: str
    headers: httpx.Headers

    @property
    def key(self) -> str:
        """The credentials it came with."""
        return self.headers["authorization"]


class Api:
    """An API that answers as told and keeps the books.

    Args:
        clock: What the calls are dated by.

    Attributes:
        seen: The calls, in order.
        says: A status, a response or an error for every call, or what chooses one for a call.
        client: Reaches this object in place of the network.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.seen: list[Seen] = []
        self.says: Says | Callable[[Seen], Says] = 200
        self.client = httpx.Client(transport=httpx.MockTransport(self.answer), trust_env=False)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Take a call and return what is said to it."""
        assert request.method == "POST"
        raw = request.content
        call = Seen(self._clock(), json.loads(raw), raw, str(request.url), request.headers)
        self.seen.append(call)
        said = self.says(call) if callable(self.says) else self.says
        if isinstance(said, Exception):
            raise said
        if isinstance(said, int):
            return httpx.Response(said, json={"id": 1})
        # A response of its own: one that was read cannot be read again.
        return httpx.Response(said.status_code, headers=said.headers, content=said.content)

    @property
    def leads(self) -> list[dict[str, Any]]:
        """What was received, in order."""
        return [call.body for call in self.seen]

    @property
    def emails(self) -> list[str]:
        """Whose sign-ups were received, in order, by address."""
        return [call.body["email"] for call in self.seen]

    @property
    def uids(self) -> list[str]:
        """Whose sign-ups were received, in order, by id."""
        return [call.body["uid"] for call in self.seen]

    def busiest(self, seconds: float = 60.0) -> int:
        """Count the calls of the busiest stretch of so many seconds."""
        times = sorted(call.at for call in self.seen)
        most = first = 0
        for last, at in enumerate(times):
            while times[first] <= at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


class LoopbackApi(Api):
    """The same on a loopback socket, for programs that run in processes of their own.

    Args:
        url: Where it is reached: the base URL of the Tracking API.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url


def late(seconds: float, status: int = 200) -> Callable[[Seen], int]:
    """Answer after a while; the call counts as received at once."""

    def wait(_: Seen) -> int:
        time.sleep(seconds)
        return status

    return wait


@contextmanager
def loopback_api() -> Iterator[LoopbackApi]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            answer = api.answer(
                httpx.Request("POST", api.url, headers=self.headers.items(), content=raw)
            )
            self.send_response(answer.status_code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: a client that is killed hangs up in the middle."""

    with Server(("127.0.0.1", 0), Handler) as server:
        api = LoopbackApi(f"http://127.0.0.1:{server.server_address[1]}/api/v2/track")
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
