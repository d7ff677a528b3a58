"""The visitor's own address out of the socket's peer and what proxies wrote down."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Fprom, FpromSettings, TrackingContext, get_tracking
from fprom_middleware.addresses import is_public, parse_address, parse_network, truncate
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.visitor.client_ip import AddressReader
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable

EDGE_HEADER = "CF-Connecting-IP"
NAMES = [EDGE_HEADER, "X-Forwarded-For", "Forwarded", "CloudFront-Viewer-Address"]
VISITOR = "93.184.216.34"
FORGED = "6.6.6.6"
LIST = ("10.0.0.0/8", "192.0.2.7", "2001:db8:ffff::/48")


def read(trusted: int | tuple[str, ...], peer: str | None, header: str = "") -> str | None:
    """Ask a fresh reader for the visitor's address."""
    return AddressReader(trusted).read(peer, header)


# --- One address as people and proxies write it -------------------------------------------

ADDRESSES = [
    ("192.0.2.1", "192.0.2.1"),
    ("  192.0.2.1\t", "192.0.2.1"),
    ("255.255.255.255", "255.255.255.255"),
    ("192.0.2.1:80", "192.0.2.1"),
    ("192.0.2.1:0", "192.0.2.1"),
    ("192.0.2.1:65535", "192.0.2.1"),
    ("[192.0.2.1]", "192.0.2.1"),
    ("[192.0.2.1]:443", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
    ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
    ("[2001:db8::1]", "2001:db8::1"),
    ("[2001:db8::1]:443", "2001:db8::1"),
    ("[2001:db8::1%eth0]:443", "2001:db8::1"),
    ("[fe80::1%25eth0]", "fe80::1"),
    ("fe80::1%eth0", "fe80::1"),
    ("fe80::1%1", "fe80::1"),
    ("::1", "::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::FFFF:192.0.2.1", "192.0.2.1"),
    ("::ffff:c000:201", "192.0.2.1"),
    ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
    ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
    ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
    ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    ("::192.0.2.1", "::c000:201"),
    ("2002:c000:201::", "2002:c000:201::"),
    ("0.0.0.1", "0.0.0.1"),
    ("127.0.0.1", "127.0.0.1"),
]
NO_ADDRESSES = [
    *["", " ", "\t", ",", "-", "unknown", "localhost", "testclient", "example.com", "_hidden"],
    *["0.0.0.0", "::", "[::]", "0.0.0.0:80", "::ffff:0.0.0.0", "0:0:0:0:0:0:0:0", "::%eth0"],
    *["192.0.2", "192.0.2.", ".192.0.2.1", "192.0.2.1.5", "192.0.2.256", "192.0..1", "3221225985"],
    *["0xc0.0.2.1", "0xc0000201", "192.0.2.1e0", "-192.0.2.1", "+192.0.2.1", "192.0.2.-1"],
    *["192.0.02.1", "192.0.2.01", "192.00.2.1", "0192.0.2.1", "00.0.0.1", "010.0.0.1"],
    *["192.0.2.0/24", "192.0.2.1/32", "2001:db8::/32", "::1/128", "10.0.0.0/255.0.0.0"],
    *["192.0.2.1:", "192.0.2.1:x", "192.0.2.1:-1", "192.0.2.1:65536", "192.0.2.1:999999"],
    *["192.0.2.1:8 0", "192.0.2.1: 80", "192.0.2.1:+80", "192.0.2.1:8_0", "192.0.2.1:\xb2"],
    *["192.0.2.1:000080", "[2001:db8::1]x", "[2001:db8::1]:", "[2001:db8::1]:x", "[2001:db8::1]80"],
    *["[2001:db8::1]:70000", "[2001:db8::1", "2001:db8::1]", "[]", "[", "[]:80", "[[::1]]"],
    *["2001:db8::1::2", "2001:db8:::1", "20011:db8::1", "2001:db8::g", "1:2:3:4:5:6:7", ":", ":::"],
    *["1:2:3:4:5:6:7:8:9", "fe80::1%", "%eth0", "192.0.2.1%eth0", "::ffff:192.0.02.1"],
    *["192.0.2.1 192.0.2.2", "192.0.2.1;x", "for=192.0.2.1", '"192.0.2.1"', "'192.0.2.1'"],
    *[
        "192.0.2.1\n",
        "\n192.0.2.1",
        "192.0.2.1\r\n",
        "192.0.2.1\x00",
        "\xa0192.0.2.1",
        "192.0.2.1\x0b",
    ],
    *["<script>", "' OR 1=1 --", "${jndi:ldap://x}", "%00", "\xb9\xb2.0.2.1", "192.0.2.\xb9"],
    *["\u0661\u0669\u0662.0.2.1", "\uff11.1.1.1", "1\u3002 1.1.1", "x" * 100_000, "1" * 5_000],
    *["1." * 5_000, ":" * 5_000, "[" * 5_000, "::1%" + "x" * 500, "192.0.2.1:" + "8" * 5_000],
    *["192.0.2.1" + " " * 200 + "x", "fe80::1%" + "z" * 200],
]


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_addresses(text: str, expected: str) -> None:
    """Port, brackets and zone are stripped, a mapped IPv4 address folded."""
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text[:24]))
def test_no_addresses(text: str) -> None:
    """Leading zeros, networks, unspecified addresses and garbage are no address."""
    assert parse_address(text) is None


@pytest.mark.parametrize(
    "text",
    [text for text in NO_ADDRESSES if text.strip(" \t,")],
    ids=lambda text: ascii(text[:24]),
)
def test_no_addresses_in_a_header(text: str) -> None:
    """Whatever is no address stays none where a proxy of ours wrote it down."""
    assert read(("10.0.0.0/8",), "10.0.0.1", f"{FORGED}, {text}") is None
    assert read(1, "10.0.0.1", f"{FORGED}, {text}") is None
    assert AddressReader(("10.0.0.0/8",), header=EDGE_HEADER).read("10.0.0.1", text) is None


@pytest.mark.parametrize(("text", "expected"), ADDRESSES)
def test_addresses_in_a_header(text: str, expected: str) -> None:
    """An address is read the same way as a peer, as a hop and as the edge's own header."""
    assert read(0, text) == expected
    assert read(("10.0.0.0/8",), "10.0.0.1", f"{FORGED}, {text}") == expected
    assert read(1, "10.0.0.1", f"{FORGED}, {text}") == expected
    assert AddressReader(("10.0.0.0/8",), header=EDGE_HEADER).read("10.0.0.1", text) == expected


# --- Who is the visitor -------------------------------------------------------------------

DECISIONS = [
    # 0: the socket's peer is the visitor.
    ("0: the peer", 0, VISITOR, "", VISITOR),
    ("0: headers are not believed", 0, VISITOR, FORGED, VISITOR),
    ("0: a private peer too", 0, "10.0.0.1", FORGED, "10.0.0.1"),
    ("0: a loopback peer too", 0, "127.0.0.1", FORGED, "127.0.0.1"),
    ("0: a peer with a zone", 0, "fe80::1%eth0", "", "fe80::1"),
    ("0: a dual-stack peer", 0, f"::ffff:{VISITOR}", "", VISITOR),
    ("0: a unix socket", 0, None, FORGED, None),
    ("0: a unix socket that says so", 0, "", FORGED, None),
    ("0: a path", 0, "unix:/run/app.sock", FORGED, None),
    ("0: a test client's word", 0, "testclient", FORGED, None),
    ("0: unspecified", 0, "0.0.0.0", FORGED, None),
    # N: the N-th entry from the right.
    ("1: one hop", 1, "10.0.0.1", VISITOR, VISITOR),
    ("1: a forged hop to the left", 1, "10.0.0.1", f"{FORGED}, {VISITOR}", VISITOR),
    ("1: from any peer", 1, "1.2.3.4", VISITOR, VISITOR),
    ("1: from a unix socket", 1, None, VISITOR, VISITOR),
    ("1: no header", 1, "10.0.0.1", "", None),
    ("1: only empty entries", 1, "10.0.0.1", " , ,\t,", None),
    ("1: empty entries are dropped", 1, "10.0.0.1", f"{VISITOR}, , ,", VISITOR),
    ("1: garbage is no address", 1, "10.0.0.1", f"{VISITOR}, unknown", None),
    ("1: a port", 1, "10.0.0.1", f"{VISITOR}:4711", VISITOR),
    ("2: two hops", 2, "10.0.0.1", f"{VISITOR}, 10.0.2.9", VISITOR),
    ("2: forged hops to the left", 2, "10.0.0.1", f"{FORGED}, {VISITOR}, 10.0.2.9", VISITOR),
    ("2: too few", 2, "10.0.0.1", VISITOR, None),
    ("2: too few because of empty ones", 2, "10.0.0.1", f", {VISITOR}, ,", None),
    ("2: garbage to the right is only counted", 2, "10.0.0.1", f"{VISITOR}, unknown", VISITOR),
    ("2: a unix socket is counted", 2, "10.0.0.1", f"{VISITOR}, unix:", VISITOR),
    ("2: a unix socket at the place", 2, "10.0.0.1", f"unix:, {VISITOR}", None),
    ("2: garbage at the place", 2, "10.0.0.1", f"{FORGED}, _obfuscated, {VISITOR}", None),
    ("2: a leading zero at the place", 2, "10.0.0.1", f"01.2.3.4, {VISITOR}", None),
    ("3: exactly as many", 3, "10.0.0.1", f"{VISITOR},1.1.1.1,2.2.2.2", VISITOR),
    ("9: far too few", 9, "10.0.0.1", "1.1.1.1,2.2.2.2", None),
    ("a million: far too few", 10**6, "10.0.0.1", "1.1.1.1", None),
    # A list: an untrusted peer is itself the visitor.
    ("list: an untrusted peer", LIST, VISITOR, "", VISITOR),
    ("list: an untrusted peer's headers", LIST, VISITOR, f"{FORGED}, 10.0.0.1", VISITOR),
    ("list: an untrusted private peer", LIST, "192.168.1.1", FORGED, "192.168.1.1"),
    ("list: an untrusted loopback peer", LIST, "127.0.0.1", FORGED, "127.0.0.1"),
    ("list: garbage is no trusted peer", LIST, "testclient", VISITOR, None),
    ("list: a unix socket with a word", LIST, "unix:", VISITOR, VISITOR),
    ("list: a unix socket with its path", LIST, "unix:/run/app.sock", VISITOR, VISITOR),
    ("list: a unix socket as a hop", LIST, "10.0.0.1", f"{VISITOR}, unix:", VISITOR),
    ("list: two of them", LIST, "unix:", f"{FORGED}, {VISITOR}, unix:, 10.0.0.2,unix:", VISITOR),
    ("list: a unix path as a hop", LIST, "10.0.0.1", f"{VISITOR}, unix:/run/app.sock", None),
    ("list: a unix socket of the visitor's", LIST, "10.0.0.1", f"unix:, {VISITOR}", VISITOR),
    ("list: an unspecified peer", LIST, "0.0.0.0", VISITOR, None),
    # From a trusted peer: from the right past trusted hops.
    ("list: one hop", LIST, "10.0.0.1", VISITOR, VISITOR),
    ("list: a single trusted address", LIST, "192.0.2.7", VISITOR, VISITOR),
    ("list: its neighbour is not trusted", LIST, "192.0.2.8", VISITOR, "192.0.2.8"),
    ("list: a trusted IPv6 peer", LIST, "2001:db8:ffff::9", VISITOR, VISITOR),
    ("list: a dual-stack peer", LIST, "::ffff:10.0.0.1", VISITOR, VISITOR),
    ("list: a dual-stack peer in hex", LIST, "::ffff:a00:1", VISITOR, VISITOR),
    ("list: an untrusted dual-stack peer", LIST, f"::ffff:{VISITOR}", FORGED, VISITOR),
    ("list: the anchors' case", LIST, "10.0.0.1", f"{FORGED}, {VISITOR}, 10.0.2.9", VISITOR),
    ("list: many trusted hops", LIST, "10.0.0.1", f"{VISITOR}, 10.0.0.3, 192.0.2.7", VISITOR),
    ("list: a mapped trusted hop", LIST, "10.0.0.1", f"{VISITOR}, ::ffff:10.0.0.2", VISITOR),
    ("list: a trusted hop with a port", LIST, "10.0.0.1", f"{VISITOR}, 10.0.0.2:80", VISITOR),
    ("list: a trusted IPv6 hop", LIST, "10.0.0.1", f"{VISITOR},[2001:db8:ffff::2]:1", VISITOR),
    ("list: a forged trusted hop", LIST, "10.0.0.1", f"10.0.0.9, {VISITOR}", VISITOR),
    ("list: no header", LIST, "10.0.0.1", "", None),
    ("list: all are trusted", LIST, "10.0.0.1", "10.0.0.2, 10.0.0.3", None),
    ("list: only empty entries", LIST, "10.0.0.1", ",, ,\t", None),
    ("list: empty entries are dropped", LIST, "10.0.0.1", f", {VISITOR},, 10.0.0.2,", VISITOR),
    ("list: garbage ends the walk", LIST, "10.0.0.1", f"{VISITOR}, unknown", None),
    ("list: garbage behind a hop", LIST, "10.0.0.1", f"{VISITOR}, unknown, 10.0.0.2", None),
    ("list: garbage further left", LIST, "10.0.0.1", f"unknown, {VISITOR}", VISITOR),
    ("list: unspecified ends the walk", LIST, "10.0.0.1", f"{VISITOR}, 0.0.0.0", None),
    ("list: a CIDR ends the walk", LIST, "10.0.0.1", f"{VISITOR}, 10.0.0.0/8", None),
    ("list: a leading zero ends the walk", LIST, "10.0.0.1", f"{VISITOR}, 010.0.0.1", None),
    ("list: another header's syntax", LIST, "10.0.0.1", f"for={VISITOR}", None),
    ("list: a semicolon separates nothing", LIST, "10.0.0.1", f"{FORGED};{VISITOR}", None),
    ("list: a blank separates nothing", LIST, "10.0.0.1", f"{FORGED} {VISITOR}", None),
    ("list: tabs around an entry", LIST, "10.0.0.1", f"{FORGED},\t{VISITOR}\t", VISITOR),
    ("list: a line break is garbage", LIST, "10.0.0.1", f"{VISITOR}\r\n", None),
    ("list: a unix socket", LIST, None, f"{VISITOR}, 10.0.0.2", VISITOR),
    ("list: a unix socket that says so", LIST, "", f"{VISITOR}, 10.0.0.2", VISITOR),
    ("list: a unix socket without a header", LIST, None, "", None),
    ("list: the visitor's IPv6 address", LIST, "10.0.0.1", "[2001:db8::5]:55", "2001:db8::5"),
    ("list: a private visitor", LIST, "10.0.0.1", "192.168.1.20", "192.168.1.20"),
    ("list: a zone", LIST, "10.0.0.1", "fe80::5%en0", "fe80::5"),
    # Words.
    ("loopback: v4", ("loopback",), "127.0.0.1", VISITOR, VISITOR),
    ("loopback: all of 127", ("loopback",), "127.9.9.9", VISITOR, VISITOR),
    ("loopback: v6", ("loopback",), "::1", VISITOR, VISITOR),
    ("loopback: not private", ("loopback",), "10.0.0.1", VISITOR, "10.0.0.1"),
    ("private: 10", ("private",), "10.255.255.255", VISITOR, VISITOR),
    ("private: 172.16", ("private",), "172.16.0.1", VISITOR, VISITOR),
    ("private: 172.31", ("private",), "172.31.255.255", VISITOR, VISITOR),
    ("private: not 172.32", ("private",), "172.32.0.1", VISITOR, "172.32.0.1"),
    ("private: not 172.15", ("private",), "172.15.255.255", VISITOR, "172.15.255.255"),
    ("private: 192.168", ("private",), "192.168.9.9", VISITOR, VISITOR),
    ("private: fc00::/7", ("private",), "fdff::1", VISITOR, VISITOR),
    ("private: not loopback", ("private",), "127.0.0.1", VISITOR, "127.0.0.1"),
    ("private: not link-local", ("private",), "169.254.1.1", VISITOR, "169.254.1.1"),
    ("private: no documentation range", ("private",), "203.0.113.9", VISITOR, "203.0.113.9"),
    ("both words", ("loopback", "private"), "::1", f"{VISITOR}, 10.0.0.1", VISITOR),
    # An empty list trusts nobody.
    ("empty list: the peer", (), VISITOR, FORGED, VISITOR),
    ("empty list: a unix socket", (), None, FORGED, None),
    # In the spirit of uvicorn's and ipware's tables.
    ("uvicorn: trusted literal", ("127.0.0.1",), "127.0.0.1", "1.2.3.4", "1.2.3.4"),
    ("uvicorn: proxy not in list", ("127.0.0.2",), "127.0.0.1", "1.2.3.4", "127.0.0.1"),
    ("uvicorn: many hops", ("127.0.0.1", "10.0.2.1"), "127.0.0.1", "1.2.3.4, 10.0.2.1", "1.2.3.4"),
    ("uvicorn: a port on every hop", LIST, "10.0.0.1", "1.2.3.4:1, 10.0.0.2:2", "1.2.3.4"),
    ("uvicorn: bracketed hops", LIST, "10.0.0.1", "[2001:db8::1]:1, 10.0.0.2", "2001:db8::1"),
    ("ipware: a private leftmost hop", LIST, "10.0.0.1", f"192.168.1.1, {VISITOR}", VISITOR),
    ("ipware: unknown first", LIST, "10.0.0.1", f"unknown, {VISITOR}, 10.0.0.2", VISITOR),
    ("ipware: loopback only", LIST, "10.0.0.1", "127.0.0.1", "127.0.0.1"),
]


@pytest.mark.parametrize(
    ("trusted", "peer", "header", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in DECISIONS],
)
def test_decisions(
    trusted: int | tuple[str, ...], peer: str | None, header: str, expected: str | None
) -> None:
    """The visitor is who the policy says, whatever stands in the header."""
    reader = AddressReader(trusted)

    # The second answer comes out of the reader's memory.
    assert [reader.read(peer, header), reader.read(peer, header)] == [expected, expected]


EDGE = [
    ("from a trusted peer", LIST, "10.0.0.1", VISITOR, VISITOR),
    ("from an untrusted peer", LIST, "1.2.3.4", FORGED, "1.2.3.4"),
    ("from an untrusted private peer", LIST, "192.168.1.1", FORGED, "192.168.1.1"),
    ("from a unix socket", LIST, None, VISITOR, VISITOR),
    ("absent", LIST, "10.0.0.1", "", None),
    ("blank", LIST, "10.0.0.1", " \t", None),
    ("blanks around", LIST, "10.0.0.1", " " * 300 + VISITOR + " " * 300, VISITOR),
    ("garbage", LIST, "10.0.0.1", "unknown", None),
    ("two addresses", LIST, "10.0.0.1", f"{FORGED}, {VISITOR}", None),
    ("an empty line beside it", LIST, "10.0.0.1", f",{VISITOR} ,", VISITOR),
    ("split by the cut", LIST, "10.0.0.1", "x" + " " * 9_000 + VISITOR, None),
    ("an address and much else", LIST, "10.0.0.1", VISITOR + " " * 200 + "x", None),
    ("a trusted address is an answer", LIST, "10.0.0.1", "10.0.0.9", "10.0.0.9"),
    ("a port", LIST, "10.0.0.1", f"{VISITOR}:80", VISITOR),
    ("nothing trusted", 0, "10.0.0.1", FORGED, "10.0.0.1"),
    ("nothing trusted, a unix socket", 0, None, FORGED, None),
    ("a count", 1, "10.0.0.1", VISITOR, VISITOR),
    ("a higher count", 3, "10.0.0.1", VISITOR, VISITOR),
]


@pytest.mark.parametrize(
    ("trusted", "peer", "header", "expected"),
    [pytest.param(*row[1:], id=row[0]) for row in EDGE],
)
def test_edge_header(
    trusted: int | tuple[str, ...], peer: str | None, header: str, expected: str | None
) -> None:
    """The edge's one header is believed from a trusted peer only, and is one address or none."""
    assert AddressReader(trusted, header=EDGE_HEADER).read(peer, header) == expected


FORWARDED = [
    ("one element", LIST, f"for={VISITOR}", VISITOR),
    ("all parameters", LIST, f"by=10.0.0.1;FOR={VISITOR};host=shop.example;proto=https", VISITOR),
    ("quoted", LIST, f'for="{VISITOR}:4711"', VISITOR),
    ("an IPv6 address", LIST, 'for="[2001:db8::1]"', "2001:db8::1"),
    ("an IPv6 address with a port", LIST, 'For="[2001:db8::1]:4711"', "2001:db8::1"),
    ("a hidden port", LIST, f'for="{VISITOR}:_p.0-rt"', VISITOR),
    ("past trusted hops", LIST, f"for={FORGED}, for={VISITOR};proto=http, for=10.0.0.2", VISITOR),
    ("empty elements", LIST, f", for={VISITOR}, ,", VISITOR),
    ("a hop that is not an address", LIST, f"for={VISITOR}, for=unknown", None),
    ("a hidden hop", LIST, f"for={VISITOR}, for=_gazonk", None),
    ("a hop that does not say", LIST, f"for={VISITOR}, proto=https", None),
    ("an empty value", LIST, f'for={VISITOR}, for=""', None),
    ("twice in one element", LIST, f"for={VISITOR};for={FORGED}", None),
    ("a comma in a quoted host", LIST, f'for={VISITOR};host="x,for={FORGED};y"', VISITOR),
    ("an escaped quote in a host", LIST, rf'for={VISITOR};host="x\",for={FORGED};y"', VISITOR),
    ("an escaped backslash in a host", LIST, rf'for={VISITOR};host="x\\"', VISITOR),
    ("an open quote of the client's", LIST, f'for="x, for={VISITOR}', VISITOR),
    (
        "a client's quote and a quoted host",
        LIST,
        f'", for={VISITOR};host=",for={FORGED};y"',
        VISITOR,
    ),
    ("nothing", LIST, "", None),
    ("X-Forwarded-For's own form", LIST, VISITOR, None),
    ("counted", 2, f"for={FORGED}, for={VISITOR}, for=10.0.0.2", VISITOR),
    ("counted, a hop that does not say", 1, f"for={VISITOR}, proto=https", None),
    ("counted, too few", 2, f"for={VISITOR}", None),
    ("a cut that splits an element", LIST, f"for={VISITOR}" + ";x=" + "y" * 9_000, None),
    ("a cut that splits another one", LIST, "x" * 9_000 + f", for={VISITOR}", VISITOR),
    ("nothing trusted", 0, f"for={VISITOR}", "10.0.0.1"),
]


@pytest.mark.parametrize(
    ("trusted", "header", "expected"), [pytest.param(*row[1:], id=row[0]) for row in FORWARDED]
)
def test_forwarded(trusted: int | tuple[str, ...], header: str, expected: str | None) -> None:
    """RFC 7239's header is walked as X-Forwarded-For is, whatever a client wrote into it."""
    assert AddressReader(trusted, header="Forwarded").read("10.0.0.1", header) == expected


@given(st.text(alphabet='for=";,\\ x1.', max_size=30))
def test_what_a_client_writes_into_forwarded_changes_nothing(forged: str) -> None:
    """A trusted proxy's element behind it decides alone."""
    header = f'{forged}, for={VISITOR};host="a\\"b,c"'

    assert AddressReader(LIST, header="Forwarded").read("10.0.0.1", header) == VISITOR


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("2600:300:f:abcd::9:9985", "2600:300:f:abcd::9"),
        ("2001:db8::1:443", "2001:db8::1"),
        ("2001:db8:1:2:3:4:5:6:65535", "2001:db8:1:2:3:4:5:6"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("198.51.100.10:46532", "198.51.100.10"),
        ("198.51.100.10", "198.51.100.10"),
        ("2001:db8::abcd", None),
        ("2001:db8::1:65536", None),
        ("198.51.100.10:", None),
        ("198.51.100.10:46532:1", None),
        ("", None),
    ],
)
def test_cloudfront_writes_a_port_behind_any_address(header: str, expected: str | None) -> None:
    """What looks like the last group of an IPv6 address is the port."""
    reader = AddressReader(("10.0.0.0/8",), header="CloudFront-Viewer-Address")

    assert reader.read("10.0.0.1", header) == expected


@pytest.mark.parametrize("word", ["link-local", "shared", "private", "loopback"])
@pytest.mark.parametrize(
    ("peer", "belongs_to"),
    [
        *[("127.0.0.1", "loopback"), ("::1", "loopback")],
        *[("10.1.2.3", "private"), ("172.31.0.1", "private"), ("fd12::1", "private")],
        *[("169.254.130.1", "link-local"), ("fe80::1%eth0", "link-local")],
        *[("100.64.0.1", "shared"), ("100.100.0.52", "shared"), ("100.127.255.255", "shared")],
    ],
)
def test_words_for_networks(word: str, peer: str, belongs_to: str) -> None:
    """Each word is its own networks, and internal all of them."""
    own = str(parse_address(peer))

    assert read((word,), peer, VISITOR) == (VISITOR if word == belongs_to else own)
    assert read(("internal",), peer, VISITOR) == VISITOR


# --- The last 8,192 characters ------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(VISITOR.ljust(8192, ","), VISITOR, id="8192 characters are all looked at"),
        pytest.param(VISITOR.ljust(8193, ","), None, id="the cut splits the address"),
        pytest.param("," + VISITOR.ljust(8192, ","), VISITOR, id="the cut is right behind a comma"),
        pytest.param("1," + VISITOR.ljust(8192, ","), VISITOR, id="an entry ends at the cut"),
        pytest.param(VISITOR + "," * 8192, None, id="the address ends at the cut"),
        pytest.param(VISITOR + "," * 8191, None, id="its last digit is behind the cut"),
        pytest.param("1" + "1.2.3.4".ljust(8192, ","), None, id="the rest would be an address"),
        pytest.param("x" * 9000, None, id="one entry, longer than that"),
        pytest.param("x" * 9000 + f", {VISITOR}", VISITOR, id="the rest is still read"),
        pytest.param(f"{VISITOR}, " + "10.0.0.2, " * 900, None, id="too many trusted hops"),
        pytest.param(f"{VISITOR}, " + "10.0.0.2, " * 800, VISITOR, id="not too many of them"),
        pytest.param(f"{FORGED}, " * 5000 + VISITOR, VISITOR, id="5,000 hops"),
    ],
)
def test_the_cut(header: str, expected: str | None) -> None:
    """What stands before the last 8,192 characters is not there, split entry included."""
    assert read(("10.0.0.0/8",), "10.0.0.1", header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("1.1.1.1,2.2.2.2".ljust(8192, ","), "1.1.1.1", id="8192 characters"),
        pytest.param("1.1.1.1,2.2.2.2".ljust(8193, ","), None, id="the second entry is split"),
        pytest.param(",1.1.1.1,2.2.2.2".ljust(8193, ","), "1.1.1.1", id="right behind a comma"),
        pytest.param("1.1.1.1" + ",2.2.2.2".ljust(8192, ","), None, id="the comma is the first"),
    ],
)
def test_the_cut_before_counting(header: str, expected: str | None) -> None:
    """In count mode an entry beyond the cut is missing."""
    assert read(2, "10.0.0.1", header) == expected


# --- A slow reader that follows the policy's words ----------------------------------------

ENTRIES = st.sampled_from(
    [
        *["10.0.0.2", "10.0.0.2:80", "::ffff:10.0.0.3", VISITOR, f"[{VISITOR}]:1", "2001:db8::1"],
        *["", " ", "\t", "unknown", "0.0.0.0", "01.2.3.4", "10.0.0.0/8", "[::1]", "fe80::1%a"],
    ]
)


def reference_decide(trusted: int | list[str], peer: str | None, header: str) -> str | None:
    """Read the policy word by word, without a thought for speed."""
    entries = [entry.strip(" \t") for entry in header.split(",")]
    entries = [entry for entry in entries if entry]

    def address(text: str) -> str | None:
        found = parse_address(text)
        return None if found is None else str(found)

    def is_trusted(text: str) -> bool:
        found = parse_address(text)
        return found is not None and any(found in parse_network(net) for net in trusted_nets)

    if isinstance(trusted, int):
        if trusted == 0:
            return address(peer or "")
        return address(entries[-trusted]) if len(entries) >= trusted else None
    trusted_nets = trusted
    if peer and not is_trusted(peer):
        return address(peer)
    for entry in reversed(entries):
        if not is_trusted(entry):
            return address(entry)
    return None


@given(
    st.one_of(st.integers(0, 4), st.lists(st.sampled_from(LIST), min_size=1)),
    st.one_of(st.none(), ENTRIES.map(str.strip)),
    st.lists(ENTRIES, max_size=7).map(",".join),
)
def test_agrees_with_the_reference(trusted: int | list[str], peer: str | None, header: str) -> None:
    """For any peer and hops the answer is that of a slow reader."""
    compiled = trusted if isinstance(trusted, int) else tuple(trusted)

    assert read(compiled, peer, header) == reference_decide(trusted, peer, header)


@given(
    st.one_of(st.none(), st.text()),
    st.text(),
    st.sampled_from([0, 1, 3, LIST]),
    st.sampled_from(NAMES),
)
def test_any_text_is_answered(
    peer: str | None, header: str, trusted: int | tuple[str, ...], name: str
) -> None:
    """Whatever stands there, the answer is one canonical address or None."""
    found = AddressReader(trusted, header=name).read(peer, header)

    assert found is None or str(parse_address(found)) == found


@pytest.mark.parametrize("trusted", [0, 1, 4999, ("10.0.0.0/8",)])
@pytest.mark.parametrize("piece", ["10.0.0.2, ", "1", ",", " ", "[", ":", "%", "\x00", "1.1.1.1,"])
def test_hostile_headers_cost_no_more_than_they_are_long(
    trusted: int | tuple[str, ...], piece: str
) -> None:
    """A megabyte costs no more than a hundred times what 10 kB cost."""
    small, large = piece * (10_000 // len(piece)), piece * (1_000_000 // len(piece))

    assert cpu_time(trusted, large) <= 400 * cpu_time(trusted, small) + 0.02


def cpu_time(trusted: int | tuple[str, ...], header: str) -> float:
    """Return the least CPU time of three fresh looks at a header, in seconds."""
    taken = []
    for _ in range(3):
        reader = AddressReader(trusted)
        begin = time.process_time()
        reader.read("10.0.0.1", header)
        taken.append(time.process_time() - begin)
    return min(taken)


def test_memory_is_bounded() -> None:
    """A reader that has seen many visitors remembers a bounded number of short texts."""
    import tracemalloc  # noqa: PLC0415 - only this test measures

    reader, dice = AddressReader(("10.0.0.0/8",)), random.Random(1)  # noqa: S311 - any numbers do
    tracemalloc.start()
    try:
        for _ in range(600):
            reader.read("10.0.0.1", f"{dice.random()}, " * 4_000 + VISITOR)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used < 3_000_000


# --- Through the middlewares --------------------------------------------------------------


def over_wsgi(fprom: Fprom, **environ: Any) -> TrackingContext:
    """Return the context that a WSGI app meets."""
    WsgiMiddleware(lambda *_: [], fprom)(environ, lambda *_: print)
    return get_tracking(environ)


def over_asgi(
    fprom: Fprom, headers: Iterable[tuple[bytes, bytes]], client: tuple[str, int] | None
) -> TrackingContext:
    """Return the context that an ASGI app meets."""
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": client}

    async def app(*_: Any) -> None:
        return

    async def run() -> None:
        await AsgiMiddleware(app, fprom)(scope, app, app)  # type: ignore[arg-type]

    asyncio.run(run())
    return get_tracking(scope)


def make(**settings: Any) -> Fprom:
    """Return an Fprom that sends nothing."""
    return Fprom(FpromSettings(enabled=False, **settings))


def test_header_lines_are_joined_in_order() -> None:
    """Several header lines count as one, the first line leftmost."""
    fprom = make(trusted_proxies="10.0.0.0/8")
    lines = [
        (b"x-forwarded-for", FORGED.encode()),
        (b"host", b"x"),
        (b"x-forwarded-for", VISITOR.encode()),
        (b"x-forwarded-for", b"10.0.0.2"),
    ]

    assert over_asgi(fprom, lines, ("10.0.0.1", 1)).ip == VISITOR
    assert over_asgi(fprom, lines[:1] + lines[3:], ("10.0.0.1", 1)).ip == FORGED


def test_lines_are_joined_by_one_character() -> None:
    """The cut counts the characters of the lines and one comma between two of them."""
    fprom = make(trusted_proxies="10.0.0.0/8")

    for length, expected in ((8192, VISITOR), (8193, None)):
        fill = b"," * (length - len(VISITOR) - 1)
        lines = [(b"x-forwarded-for", VISITOR.encode()), (b"x-forwarded-for", fill)]
        assert over_asgi(fprom, lines, ("10.0.0.1", 1)).ip == expected


def test_an_underscore_header_is_another_header_on_asgi() -> None:
    """X_Forwarded_For, which a proxy passes on as it came, is never believed."""
    fprom = make(trusted_proxies=1)
    forged = [(b"x_forwarded_for", FORGED.encode())]

    assert over_asgi(fprom, forged, ("10.0.0.1", 1)).ip is None
    assert (
        over_asgi(fprom, [(b"x-forwarded-for", VISITOR.encode()), *forged], ("10.0.0.1", 1)).ip
        == VISITOR
    )


def test_an_underscore_edge_header_is_another_header_on_asgi() -> None:
    """CF_Connecting_IP is not CF-Connecting-IP."""
    fprom = make(trusted_proxies="private", client_ip_header="CF-Connecting-IP")

    assert over_asgi(fprom, [(b"cf_connecting_ip", b"6.6.6.6")], ("10.0.0.1", 1)).ip is None


def test_the_edge_header_replaces_the_forwarding_header() -> None:
    """Where the edge has a header of its own, X-Forwarded-For is not looked at."""
    fprom = make(trusted_proxies="private", client_ip_header="CF-Connecting-IP")
    both = [(b"x-forwarded-for", FORGED.encode()), (b"cf-connecting-ip", VISITOR.encode())]

    assert over_asgi(fprom, both, ("10.0.0.1", 1)).ip == VISITOR
    assert over_asgi(fprom, both[:1], ("10.0.0.1", 1)).ip is None
    assert over_asgi(fprom, both, ("1.2.3.4", 1)).ip == "1.2.3.4"
    wsgi = {"HTTP_X_FORWARDED_FOR": FORGED, "HTTP_CF_CONNECTING_IP": VISITOR}
    assert over_wsgi(fprom, REMOTE_ADDR="10.0.0.1", **wsgi).ip == VISITOR
    assert over_wsgi(fprom, REMOTE_ADDR="1.2.3.4", **wsgi).ip == "1.2.3.4"


@pytest.mark.parametrize("peer", [None, ""])
def test_a_unix_socket_has_no_peer(peer: str | None) -> None:
    """An absent or empty peer counts as trusted, where something is."""
    fprom = make(trusted_proxies="loopback")
    client = None if peer is None else (peer, 0)
    environ = {} if peer is None else {"REMOTE_ADDR": peer}

    assert over_asgi(fprom, [(b"x-forwarded-for", VISITOR.encode())], client).ip == VISITOR
    assert over_wsgi(fprom, HTTP_X_FORWARDED_FOR=VISITOR, **environ).ip == VISITOR


def test_a_scope_without_a_client() -> None:
    """A server that names no peer at all gives no address while nothing is trusted."""
    scope: dict[str, Any] = {"type": "http", "headers": [(b"x-forwarded-for", b"6.6.6.6")]}

    async def app(*_: Any) -> None:
        return

    asyncio.run(AsgiMiddleware(app, make())(scope, app, app))  # type: ignore[arg-type]

    assert get_tracking(scope).ip is None


# --- The warning --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "peer",
    [
        *["10.0.0.1", "172.16.0.1", "192.168.1.1", "fd00::1", "::ffff:10.1.1.1"],
        *["169.254.130.1", "100.100.0.52", "fe80::1", "198.18.0.1"],
    ],
)
@pytest.mark.parametrize("trusted", [0, ("loopback",), ("192.168.7.7",)])
def test_a_forwarding_peer_that_is_not_trusted_is_told_once(
    peer: str, trusted: int | tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Behind a proxy that is not configured, the log says so exactly once, without an address."""
    reader = AddressReader(trusted)

    for number in range(3):
        assert reader.read(peer, f"{VISITOR}, {number}") is not None
    reader.read("192.168.77.77", "")

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "FPROM_TRUSTED_PROXIES" in caplog.text
    assert peer not in caplog.text
    assert VISITOR not in caplog.text


def test_a_loopback_peer_is_told_where_it_forwards(caplog: pytest.LogCaptureFixture) -> None:
    """A local browser is no proxy; a loopback peer with a forwarding header is."""
    reader = AddressReader(0)

    reader.read("127.0.0.1", "")
    assert not caplog.records
    reader.read("127.0.0.1", VISITOR)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        pytest.param(0, VISITOR, id="a public peer"),
        pytest.param(0, "203.0.113.5", id="a documentation range"),
        pytest.param(0, None, id="a unix socket"),
        pytest.param(0, "testclient", id="a test client"),
        pytest.param(1, "10.0.0.1", id="a count is configured"),
        pytest.param(("loopback",), VISITOR, id="a public peer of a list"),
        pytest.param(("private",), "10.0.0.1", id="the peer is trusted"),
    ],
)
def test_nothing_is_told(
    trusted: int | tuple[str, ...], peer: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no warning where the peer is public, trusted or not an address."""
    AddressReader(trusted).read(peer, VISITOR)

    assert not caplog.records


@pytest.mark.parametrize("header", ["", "unknown", f"{VISITOR}, {VISITOR}"])
def test_an_edge_header_without_an_address_is_told_once(
    header: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A header that the edge does not set leaves every visitor without an address: it is said."""
    reader = AddressReader(("private",), header="X-Real-IP")

    assert [reader.read(peer, header) for peer in ("10.0.0.1", "10.0.0.2")] == [None, None]

    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "FPROM_CLIENT_IP_HEADER=X-Real-IP" in caplog.text
    assert VISITOR not in caplog.text


def test_an_edge_header_with_an_address_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is a visitor who comes past the edge, and who is believed as the socket's peer."""
    reader = AddressReader(("private",), header="X-Real-IP")

    assert reader.read("10.0.0.1", VISITOR) == VISITOR
    assert reader.read("1.2.3.4", "unknown") == "1.2.3.4"
    assert not caplog.records


def test_an_edge_header_without_trusted_proxies(caplog: pytest.LogCaptureFixture) -> None:
    """FPROM_CLIENT_IP_HEADER without trusted proxies is told at start, and never believed."""
    fprom = make(client_ip_header="CF-Connecting-IP")

    assert "FPROM_CLIENT_IP_HEADER=CF-Connecting-IP is never believed" in caplog.text
    assert over_wsgi(fprom, REMOTE_ADDR=VISITOR, HTTP_CF_CONNECTING_IP=FORGED).ip == VISITOR


# --- Networks, public ranges, truncation --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1", "10.0.0.1/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.0.0.1", "10.0.0.1/32"),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("11.0.0.0/8", "11.0.0.0/8"),
        ("fc00::/7", "fc00::/7"),
    ],
)
def test_networks(text: str, expected: str) -> None:
    """A trusted proxy is an address or a network; a mapped one is folded to IPv4."""
    assert str(parse_network(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *[
            "0.0.0.0/0",
            "::/0",
            "::ffff:0:0/96",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "x",
            "",
            "*",
            "10.0.0",
        ],
        *["0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "::ffff:0:0/97", "::ffff:8.0.0.0/103"],
        *["::/1", "8000::/1", "2000::/3", "2000::/6"],
    ],
)
def test_no_networks(text: str) -> None:
    """Host bits, garbage, and what is wider than any network of one's own are refused."""
    with pytest.raises(ValueError, match=r".+"):
        parse_network(text)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("127.0.0.0", "127.255.255.255"),
        ("::1", "::1"),
        ("10.0.0.0", "10.255.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("169.254.0.0", "169.254.255.255"),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("100.64.0.0", "100.127.255.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("240.0.0.0", "255.255.255.255"),
        ("0.0.0.0", "0.255.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("64:ff9b::10.0.0.0", "64:ff9b::10.255.255.255"),
        ("64:ff9b:1::169.254.0.0", "64:ff9b:1::169.254.255.255"),
        ("2002:c0a8::", "2002:c0a8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002:7f00::", "2002:7fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_ranges_that_are_not_public(first: str, last: str) -> None:
    """The first and the last address of each listed range are not public."""
    assert not is_public(first)
    assert not is_public(last)


@pytest.mark.parametrize(
    "ip",
    [
        *["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"],
        *["192.169.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0"],
        *["100.63.255.255", "100.128.0.0", "223.255.255.255", "::2", "fbff::1", "fe00::1"],
        *["fe7f:ffff::", "2001:db8::1", "192.0.2.1", "198.51.100.1", "198.17.255.255"],
        *["203.0.113.1", "198.20.0.0", "192.0.0.1", "192.88.99.1", "1.0.0.0", "8.8.8.8"],
        *["64:ff9b::8.8.8.8", "64:ff9b:2::10.0.0.1", "2002:808:808::1", "2003:a00::"],
    ],
)
def test_ranges_that_are_public(ip: str) -> None:
    """The neighbours of the listed ranges are public, and so are the documentation ranges."""
    assert is_public(ip)


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("93.184.216.34", "93.184.216.0"),
        ("93.184.216.0", "93.184.216.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:db8::1", "2001:db8::"),
    ],
)
def test_truncation(ip: str, expected: str) -> None:
    """IPv4 is cut to /24 and IPv6 to /48."""
    assert truncate(ip) == expected
