"""One call of the Tracking API as pure functions: what is sent, and what an answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import FpromSettings, Lead, Status
from fprom_middleware.api.protocol import (
    Outcome,
    build_call,
    read_answer,
    read_retry_after,
)
from fprom_middleware.events.receipt import Reason

NOW = datetime(2025, 4, 25, 9, 0, tzinfo=UTC).timestamp()
SETTINGS = FpromSettings(
    api_key="k3y-CANARY", account_id="acc-1", base_url="http://127.0.0.1:9/api/v2/track/"
)
LEAD = Lead(uid="7", tid="t")


# --- What is sent -------------------------------------------------------------------------


def test_the_call() -> None:
    """The sign-up call carries both credentials, and a JSON body without nulls."""
    call = build_call(SETTINGS, Lead(email="anna@example.com", tid="t-1"))

    assert call.url == "http://127.0.0.1:9/api/v2/track/signup"
    assert call.headers["Authorization"] == "Bearer k3y-CANARY"
    assert call.headers["Account-ID"] == "acc-1"
    assert call.headers["Content-Type"] == "application/json"
    assert json.loads(call.body) == {"email": "anna@example.com", "tid": "t-1"}


def test_the_call_shows_no_one_s_data() -> None:
    """The repr of a call holds neither key nor body."""
    assert repr(build_call(SETTINGS, Lead(email="anna@example.com"))) == (
        "Call(http://127.0.0.1:9/api/v2/track/signup)"
    )


@given(st.text(st.characters()))
def test_any_text_is_carried(text: str) -> None:
    """Whatever a form let through arrives as it was, lone surrogates included."""
    call = build_call(SETTINGS, Lead(email=text, uid="\udc80" + text))

    assert json.loads(call.body) == {"email": text, "uid": "\udc80" + text}


# --- What an answer means -----------------------------------------------------------------

OTHERS = [201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 402, 405, 406, 409, 410, 412]
OTHERS += [415, 418, 421, 425, 451, 499, 600]
STATUSES = [
    (200, Status.SENT, None),
    (400, Status.REJECTED, Reason.BAD_REQUEST),
    (404, Status.REJECTED, Reason.UNKNOWN_VISITOR),
    (422, Status.DUPLICATE, None),
    (401, Status.FAILED, Reason.UNAUTHORIZED),
    (403, Status.FAILED, Reason.UNAUTHORIZED),
    (408, Status.FAILED, Reason.SERVER_ERROR),
    (429, Status.FAILED, Reason.RATE_LIMITED),
    *[(code, Status.FAILED, Reason.SERVER_ERROR) for code in (500, 501, 502, 503, 504, 520, 599)],
    *[(code, Status.REJECTED, Reason.BAD_REQUEST) for code in (413, 414, 431)],
    *[(code, Status.FAILED, Reason.UNEXPECTED) for code in OTHERS],
]
WITHOUT_OBJECT = [
    (200, Status.FAILED, Reason.UNREADABLE),
    (403, Status.FAILED, Reason.SERVER_ERROR),
    (404, Status.FAILED, Reason.UNEXPECTED),
]


@pytest.mark.parametrize(("code", "status", "reason"), STATUSES)
@pytest.mark.parametrize("body", [b'{"id": 1}'], ids=["object"])
def test_the_status_decides(code: int, status: Status, reason: Reason | None, body: bytes) -> None:
    """Every HTTP status means one outcome."""
    assert read_answer(LEAD, code, body) == Outcome(
        status, reason, code=code, early=reason is Reason.UNKNOWN_VISITOR
    )


NO_OBJECT = [None, b"", b"null", b"[]", b"<html>Forbidden</html>", b"{", b"\xff"]


@pytest.mark.parametrize("body", NO_OBJECT)
@pytest.mark.parametrize(("code", "status", "reason"), WITHOUT_OBJECT)
def test_a_web_server_s_answer_is_not_the_api_s(
    code: int, status: Status, reason: Reason, body: bytes | None
) -> None:
    """A firewall or a wrong path knows no visitors and no keys."""
    assert read_answer(LEAD, code, body) == Outcome(
        status, reason, code=code, early=reason is Reason.UNKNOWN_VISITOR
    )


@pytest.mark.parametrize("body", NO_OBJECT)
@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [row for row in STATUSES if row[0] not in {code for code, *_ in WITHOUT_OBJECT}],
)
def test_any_other_status_needs_no_body(
    code: int, status: Status, reason: Reason | None, body: bytes | None
) -> None:
    """A 401 has no body and a 422 keeps its text elsewhere: the status is enough."""
    assert read_answer(LEAD, code, body) == Outcome(
        status, reason, code=code, early=reason is Reason.UNKNOWN_VISITOR
    )


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"id": 1, "etype": "signup", "referral": {"id": 2}}', id="the documented"),
        pytest.param(b"{}", id="empty object"),
        pytest.param(b' \r\n{"id": 1}\n', id="blanks around"),
        pytest.param(b'\xef\xbb\xbf{"id": 1}', id="a byte order mark"),
        pytest.param('{"name": "Ren\u00e9"}'.encode(), id="utf-8"),
    ],
)
def test_a_200_with_an_object_is_sent(body: bytes) -> None:
    """The object's fields are not judged: the vendor may add and drop them."""
    assert read_answer(LEAD, 200, body) == Outcome(Status.SENT, code=200)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="cut off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'[{"id": 1}]', id="a list of objects"),
        pytest.param(b"null", id="null"),
        pytest.param(b"true", id="true"),
        pytest.param(b"1", id="a number"),
        pytest.param(b'"ok"', id="a text"),
        pytest.param(b'{"id": 1', id="broken"),
        pytest.param(b'{"id": 1}{"id": 2}', id="two objects"),
        pytest.param(b"<html>maintenance</html>", id="html"),
        pytest.param(b'{"name": "\xff\xfe"}', id="invalid utf-8"),
        pytest.param(b'{"a":' * 100_000, id="deeply nested objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deeply nested lists"),
        pytest.param(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested in an object"),
        pytest.param(b'{"id": ' + b"9" * 5_000 + b"}", id="a number too long"),
        pytest.param(b"\x00" * 100, id="NULs"),
    ],
)
def test_any_other_200_is_unreadable(body: bytes | None) -> None:
    """A 200 that does not look like the API's answer may be anyone's."""
    assert read_answer(LEAD, 200, body) == Outcome(Status.FAILED, Reason.UNREADABLE, code=200)


@pytest.mark.parametrize(
    "body",
    [
        {"transaction_id": "anna@example.com has already a sign up event"},
        {"message": "anna@example.com has already a sign up event"},
        {"transaction_id": ["has already been taken"]},
    ],
)
def test_a_422_is_a_duplicate_wherever_its_text_stands(body: dict[str, object]) -> None:
    """The text under `transaction_id` is not needed, and is not kept."""
    outcome = read_answer(LEAD, 422, json.dumps(body).encode())

    assert outcome == Outcome(Status.DUPLICATE, code=422)
    assert "anna" not in repr(outcome)


@given(st.integers(100, 999), st.none() | st.binary(max_size=64), st.none() | st.text())
def test_any_answer_has_a_meaning(code: int, body: bytes | None, wait: str | None) -> None:
    """Nothing that a server answers raises, and no reason is a text of the server's."""
    outcome = read_answer(LEAD, code, body, retry_after=wait, now=NOW)

    assert outcome.code == code
    assert outcome.reason is None or outcome.reason in Reason
    assert outcome.retry_after is None or 0 <= outcome.retry_after <= 3600


@pytest.mark.parametrize(
    ("outcome", "said", "needs_operator"),
    [
        (
            read_answer(LEAD, 401, b""),
            "unauthorized, HTTP status 401: check FPROM_API_KEY and ",
            True,
        ),
        (read_answer(LEAD, 404, b"no"), "unexpected, HTTP status 404: check FPROM_BASE_URL", True),
        (Outcome(Status.FAILED, Reason.LOCAL, error="SSLError"), "local, SSLError: check ", True),
        (Outcome(Status.FAILED, Reason.NETWORK, error="gaierror"), "network, gaierror", False),
        (Outcome(Status.FAILED, Reason.NETWORK), "network, no answer", False),
        (read_answer(LEAD, 503, b""), "server_error, HTTP status 503", False),
        (read_answer(LEAD, 200, b"{}"), "sent, HTTP status 200", False),
    ],
)
def test_an_outcome_says_what_to_look_at(outcome: Outcome, said: str, needs_operator: bool) -> None:
    """In words of ours; what a person must change is known as such."""
    assert str(outcome).startswith(said)
    assert outcome.needs_operator is needs_operator


# --- Retry-After --------------------------------------------------------------------------


def at(offset: float) -> str:
    """Write a moment some seconds from now as HTTP does."""
    return format_datetime(datetime.fromtimestamp(NOW + offset, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param("0", 0, id="zero"),
        pytest.param("1", 1, id="a second"),
        pytest.param(" 120 ", 120, id="blanks around"),
        pytest.param("007", 7, id="leading zeros"),
        pytest.param("3600", 3600, id="an hour"),
        pytest.param("3601", 3600, id="more than an hour"),
        pytest.param(str(10**9), 3600, id="ten to the ninth"),
        pytest.param(str(10**30), 3600, id="ten to the thirtieth"),
        pytest.param("9" * 100_000, 3600, id="a hundred thousand digits"),
        pytest.param("-1", None, id="negative"),
        pytest.param("+1", None, id="a sign"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("1e3", None, id="an exponent"),
        pytest.param("0x10", None, id="hexadecimal"),
        pytest.param("\u0661\u0662", None, id="other digits"),
        pytest.param("\xb2", None, id="a superscript"),
        pytest.param("soon", None, id="a word"),
        pytest.param("60, 120", None, id="a list"),
        pytest.param("nan", None, id="nan"),
        pytest.param("inf", None, id="inf"),
        pytest.param(at(90), 90, id="a date"),
        pytest.param(at(-90), 0, id="a date that has passed"),
        pytest.param(at(0), 0, id="this very moment"),
        pytest.param(at(86_400), 3600, id="tomorrow"),
        pytest.param("Friday, 25-Apr-25 09:01:30 GMT", 90, id="an RFC 850 date"),
        pytest.param("Fri, 25 Apr 2025 09:01:30", 90, id="a date without a zone is UTC"),
        pytest.param("Fri, 25 Apr 2025 09:01:30 -0000", 90, id="a naive date"),
        pytest.param("Fri, 25 Apr 2025 11:01:30 +0200", 90, id="a date of another zone"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 3600, id="the end of time"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", None, id="behind the end of time"),
        pytest.param("Fri, 32 Apr 2025 09:01:30 GMT", None, id="no such day"),
        pytest.param("Fri, 25 Apr 99999 09:01:30 GMT", None, id="no such year"),
        pytest.param("2025-04-25T09:01:30Z", None, id="another format"),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    """Seconds or a date, from nothing to an hour; anything else asks for nothing."""
    assert read_retry_after(value, now=NOW) == expected


@pytest.mark.slow
@given(st.text() | st.from_regex(r"[A-Za-z]{3}, [0-9]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ [A-Z0-9+-]+"))
def test_any_retry_after_is_read(value: str) -> None:
    """Whatever the header says, the wait is within an hour, or none."""
    wait = read_retry_after(value, now=NOW)

    assert wait is None or 0 <= wait <= 3600


@pytest.mark.parametrize("code", [408, 429, 500, 503, 401, 302])
def test_a_wait_is_kept_where_a_call_is_tried_again(code: int) -> None:
    """Retry-After reaches whoever decides when to try again."""
    assert read_answer(LEAD, code, b"", retry_after="30").retry_after == 30
    assert read_answer(LEAD, code, b"", retry_after=at(30), now=NOW).retry_after == 30
    assert read_answer(LEAD, code, b"").retry_after is None
