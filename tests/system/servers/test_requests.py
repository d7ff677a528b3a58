"""What the app learns about its visitor behind each real server, from raw bytes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.system.servers.running import require, running
from tests.system.servers.servers import GENERAL, raw_shop
from tests.system.servers.wire import Answer, ask, ask_by_websocket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.misbehaving import Server
    from tests.system.servers.running import Running
    from tests.system.servers.servers import ServerKind

TID = b"Cookie: a@b=1; _fprom_tid=tid-of-the-visitor; _fprom_ref=anna"
VISITOR = b"X-Forwarded-For: 203.0.113.77"
KNOWN = ("tid-of-the-visitor", "203.0.113.77")


@pytest.fixture(scope="module", params=GENERAL)
def kind(request: pytest.FixtureRequest) -> ServerKind:
    """Each server in turn."""
    return GENERAL[request.param]


@pytest.fixture(scope="module")
def server(
    kind: ServerKind, tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]
) -> Iterator[Running]:
    """The server, behind a proxy at 127.0.0.1."""
    require(*kind.distributions)
    folder = tmp_path_factory.mktemp("server")
    with running(kind.command, raw_shop(kind), folder, settings) as one:
        yield one


def seen(answer: Answer) -> tuple[str | None, str | None]:
    """Return what the app saw; anything but its answer is a failure."""
    assert answer.status == 200, answer
    return answer.body["tid"], answer.body["ip"]


PLAIN: dict[str, tuple[tuple[bytes, ...], tuple[str | None, str | None]]] = {
    "a referred visitor": ((TID, VISITOR), KNOWN),
    "nothing": ((), (None, None)),
    "a forged hop": ((TID, b"X-Forwarded-For: 6.6.6.6, 203.0.113.77"), KNOWN),
    "a forged line": ((TID, b"X-Forwarded-For: 6.6.6.6", VISITOR), KNOWN),
    "a proxy behind a proxy": ((TID, b"X-Forwarded-For: 203.0.113.77,127.0.0.1"), KNOWN),
    "a port and brackets": (
        (TID, b"X-Forwarded-For: [2001:db8::1]:443"),
        ("tid-of-the-visitor", "2001:db8::1"),
    ),
    "no address": ((TID, b"X-Forwarded-For: unknown"), ("tid-of-the-visitor", None)),
    "other headers": (
        (TID, VISITOR, b"X-Real-IP: 6.6.6.6", b"Forwarded: for=6.6.6.6", b"Client-IP: 6.6.6.6"),
        KNOWN,
    ),
    "names in capitals": (
        (b"COOKIE: _fprom_tid=tid-of-the-visitor", b"X-FORWARDED-FOR: 203.0.113.77"),
        KNOWN,
    ),
    "several cookies": (
        (b"Cookie: a=1; _fprom_tid=tid-of-the-visitor; _fprom_tid=second", VISITOR),
        KNOWN,
    ),
    "quotes": ((b'Cookie: _fprom_tid="tid-of-the-visitor"', VISITOR), KNOWN),
    "the legacy cookie": ((b"Cookie: _fprom_track=tid-of-the-visitor", VISITOR), KNOWN),
}


@pytest.mark.parametrize(("lines", "expected"), PLAIN.values(), ids=PLAIN)
def test_the_app_sees_the_visitor(
    server: Running, lines: tuple[bytes, ...], expected: tuple[str | None, str | None]
) -> None:
    """The right tid and the visitor's own address."""
    assert seen(ask(server.address, *lines)) == expected


def test_several_cookie_lines_are_one_header(server: Running, kind: ServerKind) -> None:
    """The first that counts wins, whichever line it stands in, where the server hands both on."""
    first, second = b"Cookie: _fprom_tid=tid-of-the-visitor", b"Cookie: _fprom_tid=second; a=1"
    tid = "second" if kind.last_cookie_line else "tid-of-the-visitor"
    assert seen(ask(server.address, first, second, VISITOR)) == (tid, "203.0.113.77")


def test_who_connects_directly_is_the_visitor(server: Running) -> None:
    """Whoever is no trusted proxy may write what it likes: its socket counts."""
    forged = (TID, b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 203.0.113.77, 127.0.0.1")
    assert seen(ask(server.address, *forged, source="127.0.0.2")) == (
        "tid-of-the-visitor",
        "127.0.0.2",
    )


@pytest.mark.parametrize("first", [True, False])
def test_an_underscore_is_no_dash(server: Running, kind: ServerKind, first: bool) -> None:
    """X_Forwarded_For is another header, wherever it stands (CVE-2015-0219)."""
    known = (KNOWN, ("tid-of-the-visitor", "6.6.6.6")) if kind.folds_underscores else (KNOWN,)
    forged = b"X_Forwarded_For: 6.6.6.6"
    lines = (forged, VISITOR) if first else (VISITOR, forged)
    assert seen(ask(server.address, TID, *lines)) in known


HOSTILE: dict[str, tuple[bytes, ...]] = {
    "a long cookie": (b"Cookie: a=" + b"x" * 100_000 + b"; _fprom_tid=late", VISITOR),
    "a long tid": (b"Cookie: _fprom_tid=" + b"x" * 60_000, VISITOR),
    "many hops": (TID, b"X-Forwarded-For: " + b"6.6.6.6, " * 5_000 + b"203.0.113.77"),
    "many cookies": (b"Cookie: " + b"_fprom_tid=; " * 4_000, VISITOR),
    "NUL in the tid": (b"Cookie: _fprom_tid=a\x00b", VISITOR),
    "NUL in an address": (TID, b"X-Forwarded-For: 203.0.113.77\x00"),
    "control characters": (b"Cookie: _fprom_tid=a\x01\x7fb", b"X-Forwarded-For: \x0b1.2.3.4"),
    "a lone carriage return": (b"Cookie: _fprom_tid=a\rX-Forwarded-For: 6.6.6.6", VISITOR),
    "a folded line": (b"Cookie: a=1\r\n _fprom_tid=b", VISITOR),
    "no UTF-8": (b"Cookie: \xff\xfe=\xc3\x28; _fprom_tid\xff=1", b"X-Forwarded-For: \xff\xfe"),
    "a line without a colon": (b"Cookie", VISITOR),
}


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE)
def test_hostile_bytes_are_no_error_of_ours(server: Running, lines: tuple[bytes, ...]) -> None:
    """The server may refuse them; what reaches the app has no forged address and no 500."""
    answer = ask(server.address, *lines)
    assert answer.status in (200, 0) or 400 <= answer.status < 500, answer
    if answer.status == 200:
        assert answer.body["tid"] in (None, "tid-of-the-visitor", "late", "a", "b")
        assert answer.body["ip"] in (None, "203.0.113.77", "1.2.3.4")
    assert seen(ask(server.address, TID, VISITOR)) == KNOWN


def test_bytes_beyond_ascii_arrive_as_they_are(server: Running, kind: ServerKind) -> None:
    """A tid of any bytes is read as latin-1, on both protocols alike."""
    answer = ask(server.address, b"Cookie: _fprom_tid=\xc3\xbc\xff-of-the-visitor", VISITOR)
    tid = None if kind.ascii_only else "\xc3\xbc\xff-of-the-visitor"
    assert seen(answer) == (tid, "203.0.113.77")


@pytest.mark.parametrize(
    "kind", [name for name, kind in GENERAL.items() if kind.protocol == "ASGI"], indirect=True
)
def test_a_websocket_knows_its_visitor(server: Running, api: Server) -> None:
    """A websocket's handshake is a request like any other."""
    email = f"{uuid.uuid4().hex}@example.com"
    message = ask_by_websocket(server.address, TID, VISITOR, path=f"/?email={email}")
    assert (message["tid"], message["ip"]) == KNOWN
    assert message["status"] == "sent"
    assert [one.json["ip"] for one in api.requests if one.json["email"] == email] == [KNOWN[1]]
