"""WSGI and ASGI give the same answer for the same bytes, and never raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fprom_middleware import Fprom, FpromSettings, get_tracking
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware

Answer = tuple[str | None, str | None, str | None]

COOKIE_PIECES = st.sampled_from(
    [
        *[b"_fprom_tid=", b"_fprom_track=", b"_fprom_ref=", b"_fprom_code=_r_", b"_fprom_code="],
        *[b"_fprom_tid", b"abc", b"x" * 512, b"; ", b";", b"=", b'"', b"\\", b"\\101", b"\\000"],
        *[b" ", b"\t", b",", b"\x00", b"\x7f", b"\r\n", b"\xe9", b"\xff", b"\xc3\xa9", b"@", b":"],
    ]
)
HOP_PIECES = st.sampled_from(
    [
        *[b"93.184.216.34", b"10.0.0.2", b"::ffff:10.0.0.3", b"[2001:db8::1]:443", b"unknown"],
        *[b",", b", ", b" ", b"\t", b":80", b"/8", b"0.0.0.0", b"01.2.3.4", b"%eth0", b"\xb2"],
        *[b"\x00", b"\r\n", b"\xff", b'"', b"x" * 9000, b",10.0.0.2" * 1000, b"," * 8192],
    ]
)
COOKIE_LINES = st.lists(
    st.lists(COOKIE_PIECES, max_size=8).map(b"".join) | st.binary(max_size=40), max_size=4
)
HOP_LINES = st.lists(
    st.lists(HOP_PIECES, max_size=6).map(b"".join) | st.binary(max_size=40), max_size=3
)
PEERS = st.sampled_from(
    [None, "", "10.0.0.1", "::ffff:10.0.0.1", "93.184.216.34", "127.0.0.1", "testclient", "::1%lo"]
)
FPROMS = [
    Fprom(FpromSettings(enabled=False, trusted_proxies=trusted, client_ip_header=header))
    for trusted in (0, 1, 2, "10.0.0.0/8", "private, loopback")
    for header in (None, "CF-Connecting-IP")
]


async def asgi_app(*_: Any) -> None:
    """Stand in for an ASGI application."""


def over_asgi(fprom: Fprom, cookies: list[bytes], hops: list[bytes], peer: str | None) -> Answer:
    """Return what an ASGI app learns from these header lines."""
    name = fprom.visitor.address_name
    # Lines of different names may come in any order; lines of one name keep theirs.
    headers = [(b"host", b"shop.example"), *[(name, hop) for hop in hops]]
    headers[1:1] = [(b"cookie", line) for line in cookies[:1]]
    headers += [(b"cookie", line) for line in cookies[1:]]
    client = None if peer is None else (peer, 4711)
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": client}
    with pytest.raises(StopIteration):
        AsgiMiddleware(asgi_app, fprom)(scope, asgi_app, asgi_app).send(None)  # type: ignore[arg-type]
    context = get_tracking(scope)
    return context.tid, context.ref_id, context.ip


def over_wsgi(fprom: Fprom, cookies: list[bytes], hops: list[bytes], peer: str | None) -> Answer:
    """Return what a WSGI app learns from the same lines, joined as a WSGI server does."""
    environ: dict[str, Any] = {"HTTP_HOST": "shop.example"}
    if cookies:
        environ["HTTP_COOKIE"] = b"; ".join(cookies).decode("latin-1")
    if hops:
        environ[fprom.visitor.address_key] = b",".join(hops).decode("latin-1")
    if peer is not None:
        environ["REMOTE_ADDR"] = peer
    WsgiMiddleware(lambda *_: [], fprom)(environ, lambda *_: print)
    context = get_tracking(environ)
    return context.tid, context.ref_id, context.ip


@settings(max_examples=300)
@given(st.sampled_from(FPROMS), COOKIE_LINES, HOP_LINES, PEERS)
def test_the_same_answer(
    fprom: Fprom, cookies: list[bytes], hops: list[bytes], peer: str | None
) -> None:
    """Any lines of Cookie and X-Forwarded-For give one answer over both protocols."""
    answer = over_asgi(fprom, cookies, hops, peer)

    assert over_wsgi(fprom, cookies, hops, peer) == answer
    assert all(value is None or isinstance(value, str) for value in answer)


@settings(max_examples=150)
@given(st.sampled_from(FPROMS), COOKIE_LINES, HOP_LINES, PEERS, st.data())
def test_where_lines_are_split_does_not_matter(
    fprom: Fprom, cookies: list[bytes], hops: list[bytes], peer: str | None, data: st.DataObject
) -> None:
    """One header, or the same cut into lines wherever it has a separator: one answer."""
    whole_cookie, whole_hops = b"; ".join(cookies), b",".join(hops)

    split_cookie = split(whole_cookie, b"; ", data)
    split_hops = split(whole_hops, b",", data)

    assert over_asgi(fprom, split_cookie, split_hops, peer) == over_wsgi(
        fprom, [whole_cookie], [whole_hops], peer
    )


def split(header: bytes, separator: bytes, data: st.DataObject) -> list[bytes]:
    """Cut a header into lines at some of its separators."""
    first, *rest = header.split(separator)
    lines = [first]
    for piece in rest:
        # Of thousands of separators the first few are enough to draw.
        if len(lines) < 6 and data.draw(st.booleans()):
            lines.append(piece)
        else:
            lines[-1] += separator + piece
    return lines
