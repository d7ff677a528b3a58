"""The script's three paths on real servers: smuggled requests, chunks, a vendor in trouble."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.accounts import fprom_environment
from tests.support.misbehaving import Server, compose, serving
from tests.support.vendor import BROWSER, FORM, PREFIX, play
from tests.support.waiting import PATIENCE, eventually
from tests.system.servers.running import Running, require, running
from tests.system.servers.servers import KINDS, raw_shop
from tests.system.servers.wire import ask, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.misbehaving import Behaviour, Talk

SERVERS = (
    "gunicorn (sync)",
    "gunicorn (gthread)",
    "uWSGI",
    "waitress",
    "granian (WSGI)",
    "cheroot",
    "uvicorn (1 worker)",
    "hypercorn",
    "granian (ASGI)",
    "daphne",
)
THREADED = ("gunicorn (gthread)", "uvicorn (1 worker)")
HEADS = [f"{name}: {value}".encode() for name, value in BROWSER.items() if name != "Host"]
HIDDEN = b"GET /?email=smuggled%40example.com HTTP/1.1\r\nHost: shop.test\r\n\r\n"


@contextmanager
def shop(name: str, folder: Path, *script: Behaviour) -> Iterator[tuple[Running, Server]]:
    """Run a shop whose vendor behaves so."""
    kind = KINDS[name]
    require(*kind.distributions)
    with serving(*script) as vendor:
        settings = fprom_environment(
            vendor.url,
            FPROM_DELIVERY="inline",
            FPROM_SCRIPT_PROXY=PREFIX,
            FPROM_TRUSTED_PROXIES="internal",
        )
        with running(kind.command, raw_shop(kind), folder, settings) as server:
            yield server, vendor


def request(body: bytes, *lines: bytes, host: bytes = b"shop.example") -> bytes:
    """Write a call of the script's."""
    head = [f"POST {PREFIX}/tr HTTP/1.1".encode(), b"Host: " + host, *HEADS, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def talk_to(server: Running, *data: bytes) -> bytes:
    """Send bytes on one connection, and read to its end or to half a second's silence."""
    received = b""
    with connect(server.address) as connection, suppress(ConnectionError, TimeoutError):
        for piece in data:
            connection.sendall(piece)
        connection.settimeout(3)
        while more := connection.recv(65_536):
            received += more
    return received


@pytest.mark.parametrize("name", SERVERS)
def test_on_a_real_server(name: str, folder: Path) -> None:
    """A call is passed on; what stands in a refused body is never a request."""
    with shop(name, folder, play) as (server, vendor):
        length = b"Content-Length: %d" % len(FORM)
        answer = talk_to(server, request(FORM, length, b"Connection: close"))
        assert b" 200 " in answer.partition(b"\r\n")[0]
        assert b'"tid": "tid-of-the-vendor"' in answer
        (call,) = vendor.requests
        assert (call.line, call.body) == ("POST /tr HTTP/1.1", FORM)

        # Too long, with a request hidden in it, and one behind it.
        body = HIDDEN.ljust(9_000, b"x")
        behind = b"GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"
        found = talk_to(server, request(body, b"Content-Length: 9000"), behind)
        assert found.count(b'"status"') <= 1
        # A lying length: what is over is the next request, as HTTP has it, not a part of this one.
        chunks = b"%x\r\n%s\r\n" % (len(FORM), FORM)
        chunked = request(
            chunks + b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Connection: close"
        )
        talk_to(server, chunked)
        endless = request(b"2000\r\n" + b"x" * 8_192 + b"\r\n", b"Transfer-Encoding: chunked")
        talk_to(server, endless, b"10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n", behind)
        # Another method's body is no request either.
        put = request(HIDDEN, b"Content-Length: %d" % len(HIDDEN)).replace(b"POST", b"PUT", 1)
        talk_to(server, put, behind)

        lines = [one.line for one in vendor.requests]
        assert "POST /api/v2/track/signup HTTP/1.1" not in lines
        assert set(lines) == {"POST /tr HTTP/1.1"}
        assert {one.body for one in vendor.requests} <= {FORM, b""}
        assert ask(server.address).status == 200


@pytest.mark.parametrize("name", THREADED)
def test_other_requests_are_served_while_the_vendor_hangs(name: str, folder: Path) -> None:
    """By every thread but a few."""
    go = threading.Event()

    def wait(talk: Talk) -> None:
        talk.read()
        go.wait(PATIENCE)

    with shop(name, folder, wait) as (server, vendor):
        length = b"Content-Length: %d" % len(FORM)
        call = request(FORM, length, b"Connection: close")
        found: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: found.append(talk_to(server, call))) for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        try:
            assert eventually(lambda: vendor.requests)
            assert [ask(server.address).status for _ in range(5)] == [200] * 5
        finally:
            for thread in threads:
                thread.join(PATIENCE)
            go.set()
        assert all(b" 204 " in answer.partition(b"\r\n")[0] for answer in found if answer)
        assert len(vendor.requests) <= 8


@pytest.mark.parametrize("name", THREADED)
def test_thirty_megabytes_are_not_kept(name: str, folder: Path) -> None:
    """Twenty such answers, and as many floods: the memory's peak stays where it was."""
    big = compose(200, b"x" * 30_000_000)

    def much(talk: Talk) -> None:
        talk.read()
        talk.send(big)

    with shop(name, folder, much) as (server, vendor):
        call = request(FORM, b"Content-Length: %d" % len(FORM), b"Connection: close")
        talk_to(server, call)
        before = peak(server.pid)
        for _ in range(20):
            answer = talk_to(server, call)
            assert b" 204 " in answer.partition(b"\r\n")[0]
        assert len(vendor.requests) == 21
        assert peak(server.pid) - before < 10_000


def peak(pid: int) -> int:
    """Return the most memory, in kB, that a server's processes have held so far."""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc here to read a process's memory from")
    mine = {pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())}
    texts = [Path(f"/proc/{one}/status").read_text() for one in mine]
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in texts)
