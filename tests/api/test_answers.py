"""Every answer of the API over a real socket."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.events.receipt import Reason
from tests.api.conftest import calling
from tests.support.misbehaving import SENT, answer, compose, drip, flood, say, serving

if TYPE_CHECKING:
    from fprom_middleware import Lead
    from tests.support.misbehaving import Behaviour

FAILED, REJECTED = Status.FAILED, Status.REJECTED
STATUSES = [
    (200, Status.SENT, None),
    (201, FAILED, Reason.UNEXPECTED),
    (204, FAILED, Reason.UNEXPECTED),
    (301, FAILED, Reason.UNEXPECTED),
    (304, FAILED, Reason.UNEXPECTED),
    (400, REJECTED, Reason.BAD_REQUEST),
    (401, FAILED, Reason.UNAUTHORIZED),
    (402, FAILED, Reason.UNEXPECTED),
    (403, FAILED, Reason.UNAUTHORIZED),
    (404, REJECTED, Reason.UNKNOWN_VISITOR),
    (405, FAILED, Reason.UNEXPECTED),
    (408, FAILED, Reason.SERVER_ERROR),
    (410, FAILED, Reason.UNEXPECTED),
    (413, REJECTED, Reason.BAD_REQUEST),
    (414, REJECTED, Reason.BAD_REQUEST),
    (415, FAILED, Reason.UNEXPECTED),
    (422, Status.DUPLICATE, None),
    (425, FAILED, Reason.UNEXPECTED),
    (429, FAILED, Reason.RATE_LIMITED),
    (431, REJECTED, Reason.BAD_REQUEST),
    (500, FAILED, Reason.SERVER_ERROR),
    (501, FAILED, Reason.SERVER_ERROR),
    (502, FAILED, Reason.SERVER_ERROR),
    (503, FAILED, Reason.SERVER_ERROR),
    (504, FAILED, Reason.SERVER_ERROR),
    (521, FAILED, Reason.SERVER_ERROR),
    (599, FAILED, Reason.SERVER_ERROR),
    (999, FAILED, Reason.UNEXPECTED),
]


def test_every_status_becomes_its_outcome(lead: Lead) -> None:
    """The status decides, here with a JSON object in the body."""
    script = [answer(code, b"" if code in (204, 304) else SENT) for code, _, _ in STATUSES]
    with serving(*script) as server, calling(server.url) as call:
        got = [call(lead) for _ in STATUSES]
    assert got == [
        Outcome(status, reason, code=code, early=code == 404) for code, status, reason in STATUSES
    ]


NOT_THE_API = [
    b"",
    b"<html>403 Forbidden</html>",
    b"[]",
    b"null",
    b'"no"',
    b"{",
    SENT[:-1],
    b"\xff",
]


@pytest.mark.parametrize("body", NOT_THE_API)
@pytest.mark.parametrize(
    ("code", "reason"),
    [(200, Reason.UNREADABLE), (403, Reason.SERVER_ERROR), (404, Reason.UNEXPECTED)],
)
def test_without_a_json_object_it_is_not_the_api_that_speaks(
    lead: Lead, code: int, reason: Reason, body: bytes
) -> None:
    """A web server, a firewall or a wrong path: no word about the visitor, the key or the lead."""
    with serving(answer(code, body)) as server, calling(server.url) as call:
        assert call(lead) == Outcome(FAILED, reason, code=code)


DOCUMENTED = [
    (200, SENT, (Status.SENT, None)),
    (400, b'{"message": "Error. Email and uid can not be blank!"}', (REJECTED, Reason.BAD_REQUEST)),
    (404, b'{"message": "Visitor  invalid, not found"}', (REJECTED, Reason.UNKNOWN_VISITOR)),
    (422, b'{"transaction_id": "there is already a signup event"}', (Status.DUPLICATE, None)),
    (401, b"", (FAILED, Reason.UNAUTHORIZED)),
    (403, b'{"message": "no", "code": "forbidden"}', (FAILED, Reason.UNAUTHORIZED)),
    (503, b"<html>oops</html>", (FAILED, Reason.SERVER_ERROR)),
]


@pytest.mark.parametrize(("code", "body", "expected"), DOCUMENTED)
def test_the_documented_bodies_are_understood(
    lead: Lead, code: int, body: bytes, expected: tuple[Status, Reason | None]
) -> None:
    """422 with its text under transaction_id, 401 without a body, and the others."""
    with serving(answer(code, body)) as server, calling(server.url) as call:
        assert call(lead) == Outcome(*expected, code=code, early=code == 404)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-1", None),
        ("1000000000", 3600.0),
        ("soon", None),
        ("5, 10", None),
        ("Tue, 14 Nov 2023 22:13:40 GMT", 20.0),
        ("Mon, 13 Nov 2023 22:13:40 GMT", 0.0),
    ],
)
def test_retry_after_is_handed_on(lead: Lead, value: str, seconds: float | None) -> None:
    """Seconds and dates are read against the injected clock; anything else asks for nothing."""
    behave = answer(429, headers={"Retry-After": value})
    with serving(behave) as server, calling(server.url) as call:
        assert call(lead) == Outcome(FAILED, Reason.RATE_LIMITED, seconds, 429)


CHUNKED = {"Transfer-Encoding": "chunked"}
UNREADABLE: dict[str, Behaviour] = {
    "a list": answer(200, b"[]"),
    "a text": answer(200, b'"sent"'),
    "null": answer(200, b"null"),
    "empty": answer(200),
    "broken": answer(200, b'{"id": 1'),
    "no JSON": answer(200, b"<html>sent</html>"),
    "no UTF-8": answer(200, b'{"id": "\xff"}'),
    "deep": answer(200, b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "large": answer(200, b'{"a": "' + b"x" * 100_000 + b'"}'),
    "cut half-way": say(compose(200, SENT[:20], length=len(SENT))),
    "cut by a reset": say(compose(200, SENT[:20], length=len(SENT)), then="reset"),
    "nothing of it": say(compose(200, length=len(SENT))),
    "reset after the headers": say(compose(200, length=len(SENT)), then="reset"),
    "cut chunk": say(compose(200, b"a0\r\n" + SENT, headers=CHUNKED)),
    "cut between chunks": say(compose(200, b"%x\r\n%s\r\n" % (len(SENT), SENT), headers=CHUNKED)),
    "no chunk": say(compose(200, b"this is no length\r\n", headers=CHUNKED)),
    "packed": answer(200, gzip.compress(SENT), {"Content-Encoding": "gzip"}),
    "said to be packed": answer(200, SENT, {"Content-Encoding": "gzip"}),
    "unknown packing": answer(200, SENT, {"Content-Encoding": "zstd"}),
}


@pytest.mark.parametrize("behave", UNREADABLE.values(), ids=UNREADABLE)
def test_a_200_that_cannot_be_read_is_not_sent(lead: Lead, behave: Behaviour) -> None:
    """Only a whole JSON object says that the lead arrived."""
    with serving(behave) as server, calling(server.url) as call:
        assert call(lead) == Outcome(FAILED, Reason.UNREADABLE, code=200)


@pytest.mark.parametrize(
    ("code", "status", "reason"), [row for row in STATUSES if row[0] in (400, 401, 413, 422, 503)]
)
def test_a_cut_body_does_not_hide_the_status(
    lead: Lead, code: int, status: Status, reason: Reason | None
) -> None:
    """What the status says stands, however the body ends."""
    behave = say(compose(code, b"{", length=500), then="reset")
    with serving(behave) as server, calling(server.url) as call:
        assert call(lead) == Outcome(status, reason, code=code)


READABLE: dict[str, Behaviour] = {
    "chunked": answer(200, b"%x\r\n%s\r\n0\r\n\r\n" % (len(SENT), SENT), CHUNKED),
    "until the end": say(b"HTTP/1.0 200 OK\r\n\r\n" + SENT),
    "in small pieces": say(*(bytes([b]) for b in compose(200, SENT)), then="keep"),
    "after interim answers": say(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        compose(200, SENT),
        then="keep",
    ),
    "identity": answer(200, SENT, {"Content-Encoding": "identity"}),
    "extra bytes": say(compose(200, SENT) + b"HTTP/1.1 500 No\r\n\r\n", then="keep"),
}


@pytest.mark.parametrize("behave", READABLE.values(), ids=READABLE)
def test_a_whole_object_is_sent_however_it_is_framed(lead: Lead, behave: Behaviour) -> None:
    """Chunks, HTTP/1.0 and interim answers are HTTP, too."""
    with serving(behave) as server, calling(server.url) as call:
        assert call(lead) == Outcome(Status.SENT, code=200)


def test_an_endless_body_is_left_early(lead: Lead) -> None:
    """A few buffers are read of a body without end, and the connection is given up."""
    with serving(flood) as server, calling(server.url) as call:
        assert call(lead) == Outcome(FAILED, Reason.UNREADABLE, code=200)
        assert server.talks[0].sent < 30_000_000


def test_a_packed_bomb_stays_packed(lead: Lead) -> None:
    """An answer that unpacks to 50 MB costs no more than what came over the wire."""
    bomb = gzip.compress(b'{"a": "' + b" " * 50_000_000 + b'"}')
    behave = answer(200, bomb, {"Content-Encoding": "gzip"})
    with serving(behave) as server, calling(server.url) as call:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            assert call(lead) == Outcome(FAILED, Reason.UNREADABLE, code=200)
            assert tracemalloc.get_traced_memory()[1] - before < 20_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(lead: Lead, code: int) -> None:
    """The credentials go to one place only."""
    with (
        serving(answer(200, SENT)) as elsewhere,
        serving(answer(code, headers={"Location": elsewhere.url})) as server,
        calling(server.url) as call,
    ):
        assert call(lead) == Outcome(FAILED, Reason.UNEXPECTED, code=code)
    assert len(server.requests) == 1
    assert elsewhere.talks == []


@pytest.mark.slow
def test_a_slow_body_of_a_clear_status_keeps_the_status(lead: Lead) -> None:
    """The time-out cuts the body off, the status stands."""
    behave = drip(b"x" * 200, first=compose(422, length=200))
    with serving(behave) as server, calling(server.url, timeout=0.5) as call:
        assert call(lead) == Outcome(Status.DUPLICATE, code=422)
