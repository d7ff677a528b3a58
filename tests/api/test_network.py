"""No answer at all: resets, silence, slowness, names, certificates."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.events.receipt import Reason
from tests.api.conftest import LOCAL, NO_ANSWER, calling, resolve_to
from tests.support.misbehaving import (
    SENT,
    answer,
    at_once,
    compose,
    drip,
    hang,
    say,
    serving,
)
from tests.support.waiting import ends_within

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

    from fprom_middleware import Lead
    from tests.support.misbehaving import Behaviour, Talk

ENOUGH = 15.0
"""Seconds; what is cut off here would take 30 and more."""

NO_HTTP: dict[str, Behaviour] = {
    "reset before anything": at_once("reset"),
    "closed before anything": at_once("close"),
    "reset after the request": say(then="reset"),
    "closed after the request": say(),
    "cut in the status": say(b"HTTP/1.1 20"),
    "cut after the status": say(b"HTTP/1.1 200 OK\r\n"),
    "reset after the status": say(b"HTTP/1.1 200 OK\r\n", then="reset"),
    "cut in the headers": say(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "an upgrade that nobody asked for": say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
    "garbage": say(b"\x16\x03\x01\x02 this is no HTTP\r\n\r\n"),
    "another protocol": say(b"220 mail.example.com ESMTP\r\n"),
    "headers without end": say(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100_000),
    "two lengths": say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "NUL in a header": say(b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 2\r\n\r\n{}"),
}


@pytest.mark.parametrize("behave", NO_HTTP.values(), ids=NO_HTTP)
def test_what_is_no_answer_is_network(lead: Lead, behave: Behaviour) -> None:
    """Nothing raises, whatever stands on the wire, and the next call is served."""
    with serving(behave, answer(200, SENT)) as server, calling(server.url) as call:
        assert call(lead) == NO_ANSWER
        assert call(lead).status is Status.SENT


SLOW: dict[str, tuple[Behaviour, Outcome]] = {
    "silence": (hang, NO_ANSWER),
    "headers": (drip(compose(200, SENT)), NO_ANSWER),
    "interim answers": (drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 20), NO_ANSWER),
    "body": (
        drip(SENT * 10, first=compose(200, length=len(SENT) * 10)),
        Outcome(Status.FAILED, Reason.UNREADABLE, code=200),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("behave", "outcome"), SLOW.values(), ids=SLOW)
def test_the_time_out_bounds_the_whole_call(
    lead: Lead, behave: Behaviour, outcome: Outcome
) -> None:
    """One byte every 0.2 seconds gains a server no more time than silence."""
    with serving(behave) as server, calling(server.url, timeout=0.5) as call, ends_within(ENOUGH):
        assert call(lead) == outcome


@pytest.mark.slow
def test_the_time_out_bounds_what_is_sent_too(lead: Lead) -> None:
    """A peer that takes 30 MB at 2 MB a second is left at the time-out, however steady it is."""

    def read_slowly(talk: Talk) -> None:
        while not talk.server.stopped.wait(0.05) and talk.socket.recv(100_000):
            pass

    large = replace(lead, email="x" * 30_000_000)
    with serving(read_slowly) as server, calling(server.url, timeout=2) as call, ends_within(8):
        assert call(large) == NO_ANSWER


def test_after_a_time_out_the_next_call_has_its_own_time(lead: Lead) -> None:
    """A call that ran out leaves neither its connection nor its deadline behind."""
    with serving(hang, answer(200, SENT)) as server, calling(server.url, timeout=1) as call:
        assert call(lead) == NO_ANSWER
        assert call(lead).status is Status.SENT
        assert len(server.talks) == 2


def test_a_refused_connection_is_network(lead: Lead) -> None:
    """Nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with calling(f"http://127.0.0.1:{closed.getsockname()[1]}") as call:
            assert call(lead) == NO_ANSWER


@contextmanager
def black_hole(port: int = 0) -> Iterator[int]:
    """Yield a port on 127.0.0.2 whose queue is full: whoever connects waits for ever."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield full.getsockname()[1]


@pytest.mark.slow
def test_a_connection_that_never_comes_is_network(lead: Lead) -> None:
    """The time-out covers the connection."""
    with (
        black_hole() as port,
        calling(f"http://127.0.0.2:{port}", timeout=0.5) as call,
        ends_within(ENOUGH),
    ):
        assert call(lead) == NO_ANSWER


def test_one_dead_address_of_a_name_leaves_time_for_the_next(
    lead: Lead,
    monkeypatch: pytest.MonkeyPatch,
    server_tls: ssl.SSLContext,
) -> None:
    """A host whose first address swallows everything is reached through its second."""
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    with (
        serving(answer(200, SENT), tls=server_tls) as server,
        black_hole(server.port),
        calling(f"https://api.invalid:{server.port}", timeout=3) as call,
    ):
        assert call(lead).status is Status.SENT


def test_a_name_that_does_not_exist_is_network(lead: Lead) -> None:
    """The top-level domain .invalid never resolves."""
    with calling("https://api.invalid") as call:
        assert call(lead) == NO_ANSWER


@pytest.mark.parametrize("error", [socket.gaierror(-3, "again"), UnicodeError("label too long")])
def test_a_resolver_that_fails_is_network(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A temporary failure, and a host name that cannot be encoded."""
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host in ("api.invalid", b"api.invalid"):
            raise error
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with calling("https://api.invalid") as call:
        assert call(lead) == NO_ANSWER


def test_a_name_without_an_address_is_network(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer of the resolver is one more way to have no address."""
    resolve_to(monkeypatch)
    with calling("https://api.invalid") as call:
        assert call(lead) == NO_ANSWER


def numbers_only(arguments: tuple[Any, ...]) -> bool:
    """Say whether the resolver may ask nobody: so trio asks it before it takes a thread."""
    return len(arguments) > 4 and bool(arguments[4] & socket.AI_NUMERICHOST)


@pytest.mark.slow
def test_a_resolver_that_hangs_keeps_the_time_out(
    lead: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time-out covers the name server, which knows none of its own."""
    let_go = threading.Event()
    real = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> list[Any]:
        if host in ("api.invalid", b"api.invalid") and not numbers_only(arguments):
            let_go.wait(60)
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with calling("https://api.invalid", timeout=0.5) as call:
        try:
            with ends_within(ENOUGH):
                assert call(lead) == NO_ANSWER
        finally:
            # asyncio waits for its resolver threads when the loop ends.
            let_go.set()


def test_a_trusted_certificate_is_accepted(lead: Lead, server_tls: ssl.SSLContext) -> None:
    """SSL_CERT_FILE adds an authority, and calls share the connection."""
    with serving(answer(200, SENT), tls=server_tls) as server, calling(server.url) as call:
        assert [call(lead).status for _ in range(2)] == [Status.SENT] * 2
        assert len(server.talks) == 1


def test_an_untrusted_certificate_is_this_machine_s(
    lead: Lead, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of an unknown authority ends the call before anything is said."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with serving(answer(200, SENT), tls=server_tls) as server, calling(server.url) as call:
        assert call(lead) == LOCAL
        assert server.requests == []


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nno\n"])
def test_tls_files_that_are_missing_or_broken_are_this_machine_s(
    lead: Lead, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """SSL_CERT_FILE names nothing, or no certificates."""
    file = tmp_path / "certificates.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with calling("https://api.invalid") as call:
        outcome = call(lead)
        assert outcome == LOCAL
        assert outcome.error in {"FileNotFoundError", "SSLError"}
        # Mended, the next call finds it.
        monkeypatch.delenv("SSL_CERT_FILE")
        assert call(lead) == NO_ANSWER


def test_a_certificate_of_another_host_is_this_machine_s(
    lead: Lead, server_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name in the certificate counts: a proxy of this machine's network, or a wrong URL."""
    resolve_to(monkeypatch, "127.0.0.1")
    monkeypatch.setattr(socket, "getaddrinfo", _any_name(socket.getaddrinfo))
    with serving(answer(200, SENT), tls=server_tls) as server:
        with calling(f"https://other.invalid:{server.port}") as call:
            assert call(lead) == LOCAL
        assert server.requests == []


def _any_name(resolve: Any) -> Any:
    def rename(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in ("other.invalid", b"other.invalid"):
            host = "api.invalid"
        return resolve(host, *arguments, **options)

    return rename


def test_a_server_without_tls_is_network(lead: Lead) -> None:
    """An https address with plain HTTP behind it."""

    def speak_plainly(talk: Any) -> None:
        talk.send(compose(400))
        talk.close()

    with (
        serving(speak_plainly) as server,
        calling(server.url.replace("http:", "https:")) as call,
    ):
        assert call(lead) == NO_ANSWER


@pytest.mark.slow
def test_a_handshake_that_hangs_keeps_the_time_out(lead: Lead) -> None:
    """The time-out covers TLS."""

    def wait(talk: Any) -> None:
        talk.server.stopped.wait(30)

    with serving(wait) as server:
        url = server.url.replace("http:", "https:")
        with calling(url, timeout=0.5) as call, ends_within(ENOUGH):
            assert call(lead) == NO_ANSWER
