"""A tiny OAuth provider, on a port of its own: whoever comes is signed in already."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


SESSION = "provider_session"
"""The cookie of whoever is signed in here; its value is the e-mail address, and the code."""


class Provider(BaseHTTPRequestHandler):
    """Its two pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the visitor back to the app, at once."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        cookies = SimpleCookie(self.headers["Cookie"])
        back = {"state": query["state"], "code": cookies[SESSION].value}
        self._answer(302, b"", Location=f"{query['redirect_uri']}?{urlencode(back)}")

    def do_POST(self) -> None:
        """Tell the app whose code it is."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        code = parse_qs(body)["code"][0]
        self._answer(200, json.dumps({"email": code}).encode())

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def provider() -> Iterator[str]:
    """Run it, and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
