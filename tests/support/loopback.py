"""A FirstPromoter on a loopback socket, for commands that run as processes of their own."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "key-of-the-account"
ACCOUNT = "account-7"


class LoopbackApi:
    """Answers every call with one status and keeps what arrived."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.delay = 0.0
        self.leads: list[dict[str, Any]] = []
        self.keys: set[str] = set()

    @property
    def emails(self) -> list[str]:
        """Whose sign-ups arrived, in order."""
        return [lead["email"] for lead in self.leads]

    @property
    def environ(self) -> dict[str, str]:
        """The settings of an account here."""
        return {
            "FPROM_API_KEY": KEY,
            "FPROM_ACCOUNT_ID": ACCOUNT,
            "FPROM_BASE_URL": self.url,
        }


@contextmanager
def loopback_api() -> Iterator[LoopbackApi]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            api.keys.add(self.headers["authorization"])
            api.leads.append(json.loads(body))
            time.sleep(api.delay)
            answer = b'{"id": 1}'
            self.send_response(api.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

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


def wait_until(met: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.02)
