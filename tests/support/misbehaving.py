"""An HTTP server of plain sockets that does to each request exactly what a script says."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Behaviour = Callable[["Talk"], None]

PATIENCE = 30.0
RESET = struct.pack("ii", 1, 0)
SENT = b'{"id": 45831611, "etype": "signup", "event_id": null}'


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    def get(self, name: str) -> str | None:
        """Return one header; more than one of a name is an error."""
        found = [value for key, value in self.headers if key.lower() == name]
        assert len(found) <= 1, name
        return found[0] if found else None

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Talk:
    """One connection, as a behaviour sees it."""

    server: Server
    socket: socket.socket
    number: int
    buffer: bytes = b""
    over: bool = False
    sent: int = 0

    def read(self) -> Request:
        """Read one request and keep it in the server's list."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (x.partition(":") for x in lines)]
        length = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        request = Request(first, headers, body, self.number)
        self.server.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)
        self.sent += len(data)

    def drip(self, data: bytes, seconds: float = 0.2) -> None:
        """Send one byte, wait, and so on, until the other side or the test gives up."""
        for byte in data:
            self.send(bytes([byte]))
            if self.server.stopped.wait(seconds):
                break

    def close(self) -> None:
        """End the connection in order."""
        self.over = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reset(self) -> None:
        """End the connection with a reset."""
        self.over = True
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError
        self.buffer += data


@dataclass
class Server:
    """Serves a script: one behaviour for each request, the last one for all that follow.

    A new connection starts its behaviour at once, so that one may act before it reads.
    """

    script: list[Behaviour]
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The base URL of an API here."""
        scheme = "https" if self.tls else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}/api/v2/track"

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._listener = socket.create_server((self.host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        # Closing a listener does not wake its accept(); shutting it down does.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for talk in list(self.talks):
            talk.close()
        for thread in list(self._threads):
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            talk = Talk(self, connection, len(self.talks) + 1)
            self.talks.append(talk)
            self._start(self._serve, talk)

    def _serve(self, talk: Talk) -> None:
        try:
            if self.tls is not None:
                talk.socket = self.tls.wrap_socket(talk.socket, server_side=True)
            self._next()(talk)
            while self._asked_again(talk):
                self._next()(talk)
        except (OSError, ValueError):
            # The other side went away, or the test is over.
            pass
        finally:
            talk.close()

    def _asked_again(self, talk: Talk) -> bool:
        if talk.over:
            return False
        select.select([talk.socket], [], [], PATIENCE)
        # A TLS socket cannot be looked into; there the end shows as the behaviour reads.
        return self.tls is not None or bool(talk.socket.recv(1, socket.MSG_PEEK))

    def _next(self) -> Behaviour:
        with self._lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


@contextmanager
def serving(*script: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve a script on a free port."""
    with Server(list(script), tls) as server:
        yield server


def compose(
    status: int,
    body: bytes = b"",
    *,
    headers: dict[str, str] | None = None,
    length: int | None = None,
) -> bytes:
    """Write an answer; `length` may lie."""
    lines = [f"HTTP/1.1 {status} Whatever"]
    if headers is None or "Transfer-Encoding" not in headers:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """Answer in order and keep the connection open."""

    def behave(talk: Talk) -> None:
        talk.read()
        talk.send(compose(status, body, headers=headers))

    return behave


def say(*pieces: bytes, then: str = "close") -> Behaviour:
    """Read the request, send bytes as they are, then `close`, `reset` or `keep`."""

    def behave(talk: Talk) -> None:
        talk.read()
        for piece in pieces:
            talk.send(piece)
        if then != "keep":
            getattr(talk, then)()

    return behave


def drip(data: bytes, *, first: bytes = b"") -> Behaviour:
    """Read the request and answer one byte at a time."""

    def behave(talk: Talk) -> None:
        talk.read()
        talk.send(first)
        talk.drip(data)

    return behave


def at_once(how: str) -> Behaviour:
    """End the connection before anything is read: `close` or `reset`."""

    def behave(talk: Talk) -> None:
        getattr(talk, how)()

    return behave


def hang(talk: Talk) -> None:
    """Read the request and never answer."""
    talk.read()
    talk.server.stopped.wait(PATIENCE)


def flood(talk: Talk) -> None:
    """Answer 200 with a body that has no end."""
    talk.read()
    talk.send(compose(200, headers={"Transfer-Encoding": "chunked"}))
    piece = b'{"a":"' + b"x" * 16_378
    while not talk.server.stopped.is_set():
        talk.send(b"%x\r\n%s\r\n" % (len(piece), piece))


def tunnel(talk: Talk) -> None:
    """Be a proxy: open the connection that CONNECT asks for."""
    target = talk.read().line.split()[1]
    host, _, port = target.rpartition(":")
    _join(talk, host, int(port), b"HTTP/1.1 200 Connection established\r\n\r\n")


def socks(talk: Talk) -> None:
    """Be a SOCKS5 proxy without a password."""
    version, methods = talk.socket.recv(2)
    talk.socket.recv(methods)
    talk.send(b"\x05\x00")
    version, command, _, kind = talk.socket.recv(4)
    assert (version, command) == (5, 1)
    length = {1: 4, 3: 0, 4: 16}[kind] or talk.socket.recv(1)[0]
    raw = talk.socket.recv(length)
    host = raw.decode() if kind == 3 else socket.inet_ntop({1: 2, 4: 10}[kind], raw)
    port = int.from_bytes(talk.socket.recv(2), "big")
    _join(talk, host, port, b"\x05\x00\x00\x01" + bytes(6))


def _join(talk: Talk, host: str, port: int, welcome: bytes) -> None:
    with socket.create_connection((host, port), PATIENCE) as onward:
        talk.send(welcome)
        while True:
            for ready in select.select([talk.socket, onward], [], [], PATIENCE)[0]:
                data = ready.recv(65_536)
                if not data:
                    talk.over = True
                    return
                (onward if ready is talk.socket else talk.socket).sendall(data)
