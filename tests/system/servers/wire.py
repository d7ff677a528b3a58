"""Requests written byte for byte on a socket: what a browser, a proxy or an attacker may send."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.waiting import PATIENCE

Address = tuple[str, int] | str
"""A host and its port, or the path of a unix socket."""


@dataclass
class Answer:
    """What a server said: a status, 0 where it hung up; its headers, names in lower case."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    content: bytes = b""

    @property
    def body(self) -> Any:
        """The shop's JSON."""
        assert self.status == 200, self
        return json.loads(self.content)

    def header(self, name: str) -> str | None:
        """Return the first header of a name."""
        return next((value for key, value in self.headers if key == name), None)


def connect(address: Address, source: str | None = None) -> socket.socket:
    """Open a connection, from an address of this machine."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection
    return socket.create_connection(address, PATIENCE, (source, 0) if source else None)


def ask(
    address: Address,
    *lines: bytes,
    method: str = "GET",
    path: str = "/",
    source: str | None = None,
) -> Answer:
    """Send one request with these header lines, byte for byte."""
    head = [f"{method} {path} HTTP/1.1".encode(), b"Host: shop.test", b"Connection: close"]
    if method == "POST":
        head.append(b"Content-Length: 0")
    received = b""
    with connect(address, source) as connection, suppress(ConnectionError):
        with suppress(ConnectionError):
            connection.sendall(b"\r\n".join([*head, *lines]) + b"\r\n\r\n")
        while data := connection.recv(65_536):
            received += data
    return _read(received)


def _read(received: bytes) -> Answer:
    if not received:
        return Answer(0)
    head, _, content = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(":") for line in lines]
    answer = Answer(
        int(first.split()[1]), [(name.lower(), value.strip()) for name, _, value in pairs], content
    )
    if answer.header("transfer-encoding") == "chunked":
        answer.content = _join(content)
    return answer


def _join(chunks: bytes) -> bytes:
    content = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        length = int(size, 16)
        content += chunks[:length]
        chunks = chunks[length + 2 :]
    return content


def ask_by_websocket(address: Address, *lines: bytes, path: str = "/") -> Any:
    """Open a websocket with these header lines and read the shop's one message."""
    head = [
        f"GET {path} HTTP/1.1".encode(),
        b"Host: shop.test",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]
    with connect(address) as connection:
        connection.sendall(b"\r\n".join([*head, *lines]) + b"\r\n\r\n")
        with connection.makefile("rb") as stream:
            assert stream.readline().split()[1] == b"101"
            while stream.readline() != b"\r\n":
                pass
            kind, length = stream.read(2)
            assert kind == 0x81
            if length == 126:
                length = int.from_bytes(stream.read(2), "big")
            return json.loads(stream.read(length))
