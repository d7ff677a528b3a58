"""Ten thousand hostile requests: nothing but the three calls leaves, no header of the site's."""

from __future__ import annotations

import io
import random
import sys
from typing import TYPE_CHECKING, Any, Final

import anyio
import pytest

from fprom_middleware import asgi, wsgi
from fprom_middleware.script_proxy import limits as by_limits
from tests.script_proxy.doors import MINE, asgi_app, wsgi_app
from tests.support.vendor import (
    BROWSER,
    CANARIES,
    FORM,
    PREFIX,
    SENT_NAMES,
    header_names,
    script_settings,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.misbehaving import Server

pytestmark = pytest.mark.slow

REQUESTS: Final = 10_000
ALLOWED: Final = {"GET /fpr.js HTTP/1.1", "POST /tr HTTP/1.1", "POST /get_details HTTP/1.1"}
METHODS: Final = (
    "GET",
    "POST",
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "get",
    "P\x00T",
    "",
)
TAILS: Final = (
    *("/tr", "/tr", "/tr", "/get_details", "/get_details", "/fpr.js"),
    *("/tr/", "/tr?x=y", "/tr#x", "/../tr", "//tr", "/%74r", "/tr\r\nHost: evil", "/tr\x00", "/TR"),
    *("/signup", "/api/v2/track/signup", "//evil.example/tr", "/http://evil.example", "@evil", ""),
    *("/get_details;x", "/get_details/../../state.json", "/fpr.js.map", "\\tr", "/tr\u00e4"),
)
HOSTS: Final = ("shop.example", "shop.example:443", "evil.example", "", "evil@shop.example", "[::1")
SITES: Final = (
    "same-origin",
    "same-site",
    "none",
    "cross-site",
    "",
    "same-origin, cross-site",
    "\x00",
)
ORIGINS: Final = (
    "https://shop.example",
    "https://evil.example",
    "null",
    "",
    "https://[",
    "x" * 9_000,
)
TYPES: Final = (
    *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"),
    *("application/json", "text/plain", "", "application/x-www-form-urlencoded\r\nCookie: CANARY"),
)
NASTY: Final = (
    "",
    "x",
    "a\r\nCookie: CANARY-smuggled",
    "CANARY\x00",
    "\u00e9",
    "x" * 9_000,
    "x\ny",
)
BODIES: Final = (
    *(FORM, FORM, FORM, b"", b"a", b"\x00\xff" * 99, b"x" * 8_192, b"x" * 8_193, b"x" * 20_000),
    b"host=evil.example&url=https%3A%2F%2Fevil.example",
    b"POST /signup HTTP/1.1\r\nHost: evil\r\n\r\n",
)

_seen: set[tuple[Any, ...]] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event == "socket.connect":
        _seen.add(tuple(arguments[1]))


@pytest.fixture
def connections() -> Iterator[set[tuple[Any, ...]]]:
    """Whom this process calls meanwhile."""
    global _seen  # noqa: PLW0603 - an audit hook stays for the life of the process
    sys.addaudithook(_watch)
    _seen = set()
    yield _seen
    _seen = None


def invent(dice: random.Random) -> tuple[str, str, dict[str, str], bytes]:
    """Make one request: mostly near to one that is let through, seldom one that is."""
    headers = BROWSER | CANARIES
    for name, values in (
        ("Host", HOSTS),
        ("Sec-Fetch-Site", SITES),
        ("Origin", ORIGINS),
        ("Content-Type", TYPES),
        ("User-Agent", NASTY),
        ("Referer", NASTY),
        ("Accept-Language", NASTY),
        ("X-Forwarded-For", ("6.6.6.6", "CANARY", "6.6.6.6, CANARY", "")),
        ("X-Forwarded-Host", ("evil.example", "CANARY")),
        ("If-None-Match", ("*", "CANARY", '"x"')),
        ("Transfer-Encoding", ("chunked", "identity, chunked")),
        ("Content-Length", ("0", "-1", "9" * 99, "5,5", "abc", "\u0665")),
        ("Expect", ("100-continue",)),
        ("Host-Override", ("evil.example",)),
    ):
        if dice.random() < 0.12:
            headers[name] = dice.choice(values)
    path = PREFIX + dice.choice(TAILS)
    return dice.choice(METHODS), path, headers, dice.choice(BODIES)


def ask_wsgi(app: Any, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """Hand over what a careless server would."""
    length = headers.get("Content-Length", str(len(body)))
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "to=https://evil.example&CANARY",
        "REMOTE_ADDR": "203.0.113.7",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": length,
        "CONTENT_TYPE": headers["Content-Type"],
    }
    for name, value in headers.items():
        if name not in {"Content-Length", "Content-Type"}:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
    statuses = []
    answer = b"".join(app(environ, lambda status, _: statuses.append(status)))
    return 0 if answer == MINE.encode() else int(statuses[0][:3])


def ask_asgi(app: Any, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
    """Hand over what a careless server would."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"to=https://evil.example&CANARY",
        "headers": raw,
        "client": ("203.0.113.7", 4711),
        "root_path": "",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    async def serve() -> None:
        await app(scope, receive, send)

    anyio.run(serve)
    return 0 if sent[1]["body"] == MINE.encode() else int(sent[0]["status"])


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_nothing_but_the_three_calls_leaves(
    kind: str,
    vendor: Server,
    connections: set[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every call that arrives is one of the three, with its own headers and a body as it was."""
    monkeypatch.setattr(by_limits, "BURST", REQUESTS)
    monkeypatch.setattr(by_limits, "SLOW_SECONDS", 60.0)
    settings = script_settings(vendor, FPROM_TRUSTED_PROXIES="10.0.0.0/8")
    if kind == "wsgi":
        app, ask = wsgi.FpromMiddleware(wsgi_app, settings), ask_wsgi
    else:
        app, ask = asgi.FpromMiddleware(asgi_app, settings), ask_asgi  # type: ignore[assignment]
    dice = random.Random(20261125)  # noqa: S311 - to be the same every time

    passed = [invent(dice) for _ in range(REQUESTS)]
    statuses = [ask(app, *request) for request in passed]

    posts = [request for request in vendor.requests if request.line.startswith("POST")]
    assert len(posts) == sum(
        status == 200 and method == "POST"
        for status, (method, *_) in zip(statuses, passed, strict=True)
    )
    assert len(posts) > REQUESTS / 50
    assert {status for status in statuses if status} <= {200, 304, 400, 403, 405, 413, 415}
    assert {request.line for request in vendor.requests} == ALLOWED
    assert connections == {("127.0.0.1", vendor.port)}
    for request in vendor.requests:
        assert header_names(request) <= SENT_NAMES
        assert "CANARY" not in whole(request)
        assert "6.6.6.6" not in whole(request)
    sent = {body for *_, body in passed}
    assert {request.body for request in posts} <= sent
