"""A relay in front of a server, which can fall silent as a frozen server or a network does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


class Relay:
    """Hands bytes on in both directions, while it may.

    Connections are accepted while it is silent, too: to a client nothing looks wrong, and nothing
    comes back.

    Args:
        host: Of the server.
        port: Of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        self._open.set()

    def silence(self) -> None:
        """Hand nothing on from now; what is sent meanwhile is kept."""
        self._open.clear()

    def release(self) -> None:
        """Hand on what was kept, and everything from now."""
        self._open.set()

    def forget(self) -> None:
        """Leave every connection there is silent for ever, and hand on new ones."""
        self._open = threading.Event()
        self._open.set()

    def cut(self) -> None:
        """Close every connection."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._sockets.clear()

    def _accept(self) -> None:
        for client in self._clients():
            threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _clients(self) -> Iterator[socket.socket]:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                yield client

    def _connect(self, client: socket.socket) -> None:
        gate = self._open
        gate.wait()
        with suppress(OSError):
            server = socket.create_connection(self._server)
            self._sockets.append(server)
            threading.Thread(target=self._copy, args=[server, client, gate], daemon=True).start()
            self._copy(client, server, gate)

    def _copy(self, source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                gate.wait()
                target.sendall(data)
        # Also after a reset: the other side is to know that there is no one any more.
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def through(url: str, relay: Relay, driver: str) -> str:
    """Return the URL of a database as it is reached through a relay, with a driver."""
    parts = urlsplit(url)
    return f"{driver}://{parts.username}@127.0.0.1:{relay.port}{parts.path}"


def relay_to(url: str) -> Relay:
    """Open a relay to the server of a database's URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return Relay(parts.hostname, parts.port)
