"""Real servers: started on a port of the system's choice, asked over raw sockets, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.programs import clean_environment, find_port
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ADDRESS = re.compile(r"127\.0\.0\.1:([1-9]\d*)")
WSGI, ASGI = "shop:wsgi", "shop:asgi_app"
# By default waitress takes X-Forwarded-For away from every request.
KEEP = "--no-clear-untrusted-proxy-headers"
PORT, SOCKET = "{port}", "{socket}"

COMMANDS: dict[str, tuple[str, ...]] = {
    "gunicorn": ("gunicorn", "--bind=127.0.0.1:0", WSGI),
    "gunicorn, threads": ("gunicorn", "--bind=127.0.0.1:0", "--threads=4", WSGI),
    "gunicorn, preloaded": ("gunicorn", "--bind=127.0.0.1:0", "--preload", "--workers=2", WSGI),
    "waitress": ("waitress", "--listen=127.0.0.1:0", KEEP, WSGI),
    "granian, wsgi": ("granian", f"--port={PORT}", "--interface=wsgi", WSGI),
    "cheroot": ("cheroot", f"--bind=127.0.0.1:{PORT}", WSGI),
    "uvicorn": ("uvicorn", "--port=0", "--no-proxy-headers", ASGI),
    "hypercorn": ("hypercorn", "--bind=127.0.0.1:0", ASGI),
    "granian": ("granian", f"--port={PORT}", "--interface=asgi", ASGI),
}
SOCKET_COMMANDS: dict[str, tuple[str, ...]] = {
    "gunicorn": ("gunicorn", f"--bind=unix:{SOCKET}", WSGI),
    "uvicorn": ("uvicorn", f"--uds={SOCKET}", ASGI),
    "hypercorn": ("hypercorn", f"--bind=unix:{SOCKET}", ASGI),
    "granian": ("granian", f"--uds={SOCKET}", "--interface=asgi", ASGI),
    "waitress": ("waitress", f"--unix-socket={SOCKET}", KEEP, WSGI),
}


@dataclass
class Answer:
    """What a server said: a status, 0 where it hung up, and the shop's JSON."""

    status: int
    body: Any = None


class Running:
    """One server process, and how to ask it.

    Args:
        command: The module to run and its arguments.
        folder: Where its output and its socket go.
        environment: The ``FPROM_*`` settings.
    """

    def __init__(self, command: tuple[str, ...], folder: Path, environment: dict[str, str]) -> None:
        self._log = folder / "output.log"
        self._path = folder / "socket"
        self.address: tuple[str, int] | str | None = None
        port = 0
        if any(PORT in word for word in command):
            port = find_port()
            self.address = ("127.0.0.1", port)
        words = [word.format(port=port, socket=self._path) for word in command[1:]]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", command[0], *words],
                cwd=HERE,
                # gunicorn keeps a control socket in the home directory.
                env=clean_environment(
                    HOME=str(folder), PYTHONUNBUFFERED="1", PYTHONPATH=str(HERE), **environment
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(errors="replace")

    def wait(self) -> None:
        """Wait until it answers."""
        assert eventually(self._answers), self.output()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.output()
        found = ADDRESS.search(self.output())
        if self.address is None and found:
            self.address = ("127.0.0.1", int(found[1]))
        elif self._path.exists():
            self.address = str(self._path)
        if self.address is not None:
            with suppress(OSError):
                self.connect().close()
                return True
        return False

    def stop(self) -> None:
        """Stop it and what it started; gently first."""
        with suppress(subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        """Open a connection, from an address of this machine."""
        if isinstance(self.address, str):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(PATIENCE)
            try:
                connection.connect(self.address)
            except OSError:
                connection.close()
                raise
            return connection
        assert self.address is not None
        return socket.create_connection(self.address, PATIENCE, (source, 0))

    def ask(self, *lines: bytes, path: str = "/", source: str = "127.0.0.1") -> Answer:
        """Send one request with these header lines, byte for byte."""
        head = b"\r\n".join(
            [f"GET {path} HTTP/1.1".encode(), b"Host: shop.test", b"Connection: close", *lines]
        )
        received = b""
        with self.connect(source) as connection, suppress(ConnectionError):
            with suppress(ConnectionError):
                connection.sendall(head + b"\r\n\r\n")
            while data := connection.recv(65_536):
                received += data
        first, _, rest = received.partition(b"\r\n")
        status = int(first.split()[1]) if first else 0
        body = rest.partition(b"\r\n\r\n")[2]
        return Answer(status, json.loads(body) if status == 200 else body)

    def ask_by_websocket(self, *lines: bytes, path: str = "/") -> Any:
        """Open a websocket with these header lines and read the shop's one message."""
        head = b"\r\n".join(
            [
                f"GET {path} HTTP/1.1".encode(),
                b"Host: shop.test",
                b"Connection: Upgrade",
                b"Upgrade: websocket",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                *lines,
            ]
        )
        with self.connect() as connection:
            connection.sendall(head + b"\r\n\r\n")
            with connection.makefile("rb") as stream:
                assert stream.readline().split()[1] == b"101"
                while stream.readline() != b"\r\n":
                    pass
                kind, length = stream.read(2)
                assert kind == 0x81
                if length == 126:
                    length = int.from_bytes(stream.read(2), "big")
                return json.loads(stream.read(length))


@contextmanager
def running(
    command: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> Iterator[Running]:
    """Run a server for the length of the block."""
    server = Running(command, folder, environment)
    try:
        server.wait()
        yield server
    finally:
        server.stop()
