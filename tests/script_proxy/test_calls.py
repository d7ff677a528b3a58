"""The three requests: what is refused, what goes out, what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.script_proxy.calls import (
    BAD_REQUEST,
    FORM,
    MAX_BODY,
    NO_CONTENT,
    NOT_A_FORM,
    TOO_LONG,
    Answer,
    Route,
    make_answer,
    make_routes,
    matches_etag,
    outgoing_headers,
    refuse_form,
    refuse_method,
)
from tests.support.vendor import BROWSER, CANARIES


def header_of(headers: dict[str, str]) -> Any:
    """Look headers up as the doors do."""
    lower = {name.lower(): value for name, value in headers.items()}
    return lambda name: lower.get(name, "")


def test_the_three_paths() -> None:
    """They stand below the prefix, and nothing else does."""
    assert make_routes("/a/b") == {
        "/a/b/fpr.js": Route.SCRIPT,
        "/a/b/tr": Route.CLICK,
        "/a/b/get_details": Route.DETAILS,
    }


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "", "post"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("route", Route)
def test_another_method_is_told_which(route: Route, method: str) -> None:
    """405 says what would be right; methods are written in capitals."""
    answer = refuse_method(route, method)

    if method in route.methods:
        assert answer is None
    else:
        assert answer is not None
        allowed = "GET, HEAD" if route is Route.SCRIPT else "POST"
        assert (answer.status, dict(answer.headers)["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("length", "kind", "expected"),
    [
        ("62", FORM, None),
        ("62", f"{FORM}; charset=UTF-8", None),
        ("62", f" {FORM.upper()} ;x", None),
        ("", FORM, None),
        ("0", FORM, None),
        (str(MAX_BODY), FORM, None),
        ("0000000000000008192", FORM, None),
        (str(MAX_BODY + 1), FORM, TOO_LONG),
        ("9" * 5_000, FORM, TOO_LONG),
        ("99999", "text/html", TOO_LONG),
        ("-1", FORM, BAD_REQUEST),
        ("+5", FORM, BAD_REQUEST),
        ("5,5", FORM, BAD_REQUEST),
        ("0x10", FORM, BAD_REQUEST),
        ("\u0665", FORM, BAD_REQUEST),
        ("\u00b2", FORM, BAD_REQUEST),
        ("5 5", FORM, BAD_REQUEST),
        ("62", "", NOT_A_FORM),
        ("62", "text/plain", NOT_A_FORM),
        ("62", "application/json", NOT_A_FORM),
        ("62", "multipart/form-data; boundary=x", NOT_A_FORM),
        ("62", f"text/plain; {FORM}", NOT_A_FORM),
    ],
)
def test_only_a_short_form_is_read(length: str, kind: str, expected: Answer | None) -> None:
    """What the headers say is enough to refuse the rest before a byte of it is read."""
    headers = {"content-length": length, "content-type": kind}
    assert refuse_form(header_of(headers)) is expected


def test_what_goes_out() -> None:
    """Four headers of the visitor's and one address: none of the site's own."""
    sent = outgoing_headers(header_of(BROWSER | CANARIES), "203.0.113.7")

    assert dict(sent) == {
        "content-type": FORM,
        "user-agent": BROWSER["User-Agent"],
        "referer": BROWSER["Referer"],
        "accept-language": BROWSER["Accept-Language"],
        "x-forwarded-for": "203.0.113.7",
    }
    assert outgoing_headers(header_of({}), None) == (("content-type", FORM),)


@given(st.dictionaries(st.sampled_from(["user-agent", "referer", "accept-language"]), st.text()))
def test_no_header_can_be_made_of_another(headers: dict[str, str]) -> None:
    """What goes out is one line of visible ASCII each, or is left out."""
    for name, value in outgoing_headers(header_of(headers), None):
        assert value.isascii()
        assert value.isprintable()
        assert name == "content-type" or value == headers[name].strip()


@pytest.mark.parametrize(("name", "longest"), [("user-agent", 1024), ("referer", 2048)])
def test_long_headers_stay_here(name: str, longest: int) -> None:
    """Cut short they would say something else."""
    assert len(outgoing_headers(header_of({name: "x" * longest}), None)) == 2
    assert len(outgoing_headers(header_of({name: "x" * (longest + 1)}), None)) == 1


VENDOR = [
    (b"Content-Type", b"application/json; charset=utf-8"),
    (b"Cache-Control", b"max-age=0, private"),
    (b"ETag", b'W/"1"'),
    (b"Set-Cookie", b"a=b"),
    (b"Location", b"https://elsewhere.example"),
    (b"Access-Control-Allow-Origin", b"*"),
    (b"Transfer-Encoding", b"chunked"),
    (b"WWW-Authenticate", b"Basic"),
    (b"Refresh", b"0;url=//elsewhere.example"),
]


@pytest.mark.parametrize("status", [200, 201, 400, 404, 422, 429, 500, 503])
def test_what_comes_back(status: int) -> None:
    """Status, type, what it says to caches, body; no cookie and nothing else."""
    answer = make_answer(status, VENDOR, b"{}")

    assert answer == Answer(
        status,
        (
            ("Content-Type", "application/json"),
            ("Cache-Control", "max-age=0, private"),
            ("ETag", 'W/"1"'),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Length", "2"),
        ),
        b"{}",
    )


@pytest.mark.parametrize("kind", [b"text/html", b"image/svg+xml", b"text/javascript", b""])
def test_what_is_no_json_is_plain_text(kind: bytes) -> None:
    """On this site HTML of the vendor's would be a page of this site; no cache keeps it."""
    answer = make_answer(200, [(b"content-type", kind)], b"<script>alert(1)</script>")

    headers = dict(answer.headers)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("status", [0, 100, 101, 301, 302, 304, 307, 600, 999])
def test_what_is_no_answer_is_no_content(status: int) -> None:
    """No answer at all, and a redirect, which is not followed: the page goes on."""
    assert make_answer(status, VENDOR, b"moved") is NO_CONTENT


@pytest.mark.parametrize("status", [204, 205])
def test_no_body_where_none_may_be(status: int) -> None:
    """Nor a length: HTTP knows where such an answer ends."""
    answer = make_answer(status, VENDOR, b"")
    assert (answer.status, answer.body) == (status, b"")
    assert {"Content-Length", "Content-Type"} & dict(answer.headers).keys() == set()


def test_caches_are_told_no_nonsense() -> None:
    """A value that is too long, or no text, is left out."""
    headers = [(b"cache-control", b"x" * 257), (b"etag", b"\x01"), (b"expires", b"")]
    assert dict(make_answer(200, headers, b"").headers)["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ("*", True),
        ("", False),
        ("a", False),
        ('"b"', False),
        ('"a', False),
        ('"b", *', False),
    ],
)
def test_etags(said: str, expected: bool) -> None:
    """As RFC 9110 compares them: weakly, one of a list, or a star."""
    assert matches_etag('"a"', said) is expected
