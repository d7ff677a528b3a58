"""Which request an event is of: what only machines write, alike over both protocols."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Fprom, FpromSettings, TrackingContext, get_tracking
from fprom_middleware.visitor.attach import attach_environ, attach_scope, header_key
from fprom_middleware.visitor.locate import locate
from fprom_middleware.visitor.trace import read_trace

FPROM = Fprom(FpromSettings(enabled=False))
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UUID = "7b0c1c3e-8f5a-4d0e-9a37-0d4b3b8f6c55"
Headers = list[tuple[str, str]]


def environ_of(headers: Headers) -> dict[str, Any]:
    """Return a WSGI environ with a context attached; lines of one name are joined."""
    environ: dict[str, Any] = {}
    for name, value in headers:
        key = header_key(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    attach_environ(environ, FPROM)
    return environ


def scope_of(headers: Headers) -> dict[str, Any]:
    """Return an ASGI scope with a context attached."""
    lines = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope: dict[str, Any] = {"type": "http", "headers": lines}
    attach_scope(scope, FPROM)
    return scope


READ: dict[str, tuple[Headers, str | None]] = {
    "neither": ([("Accept", "*/*")], None),
    "a traceparent": ([("traceparent", PARENT)], PARENT),
    "of a version to come": ([("traceparent", "01" + PARENT[2:])], "01" + PARENT[2:]),
    "a request id": ([("X-Request-ID", UUID)], UUID),
    "of the longest": ([("X-Request-ID", "a1" * 32)], "a1" * 32),
    "of nginx": ([("X-Request-ID", UUID.replace("-", ""))], UUID.replace("-", "")),
    "a short one": ([("X-Request-ID", "req_42")], "req_42"),
    "the traceparent goes first": ([("X-Request-ID", UUID), ("traceparent", PARENT)], PARENT),
    "a damaged traceparent is none": ([("traceparent", PARENT[:-1]), ("X-Request-ID", UUID)], UUID),
    "of no trace": ([("traceparent", "00-" + "0" * 32 + PARENT[35:])], None),
    "of no span": ([("traceparent", PARENT[:36] + "0" * 16 + "-01")], None),
    "of no version": ([("traceparent", "ff" + PARENT[2:])], None),
    "capital letters are not of the form": ([("traceparent", PARENT.upper())], None),
    "two lines": ([("X-Request-ID", UUID), ("X-Request-ID", UUID)], None),
    "empty": ([("X-Request-ID", "")], None),
    "too long": ([("X-Request-ID", "a1" * 32 + "b")], None),
    "an e-mail address": ([("X-Request-ID", "ann1@shop.example")], None),
    "an address": ([("X-Request-ID", "93.184.216.34")], None),
    "an address with dashes": ([("X-Request-ID", "93-184-216-34")], None),
    "an IPv6 address": ([("X-Request-ID", "2001:db8::a1")], None),
    "a phone number": ([("X-Request-ID", "0049-30-1234567")], None),
    "a card's number": ([("X-Request-ID", "4111111111111111")], None),
    "a name": ([("X-Request-ID", "ann-miller")], None),
    "a line break": ([("X-Request-ID", f"{UUID}\r\nERROR forged")], None),
    "a line break at the end": ([("X-Request-ID", f"{UUID}\n")], None),
    "digits of another script": ([("X-Request-ID", "req-\xb2\xb3")], None),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_what_counts(case: str) -> None:
    """The same over WSGI and ASGI; a view's request finds it."""
    headers, expected = READ[case]

    assert read_trace(locate(environ_of(headers))) == expected
    assert read_trace(locate(scope_of(headers))) == expected


VALUES = st.text(st.characters(max_codepoint=255)) | st.from_regex(
    re.compile(r"[\w.@:-]{1,70}", re.ASCII), fullmatch=True
)


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "X-Request-ID"]), VALUES), max_size=3))
def test_whatever_a_visitor_sends(headers: Headers) -> None:
    """One word of 64 characters at the most, in which no line, domain or address can stand."""
    found = read_trace(locate(scope_of(headers)))

    assert found == read_trace(locate(environ_of(headers)))
    if found is not None:
        assert len(found) <= 64
        assert found.replace("-", "").replace("_", "").isalnum()
        assert found.isascii()


def test_what_names_the_customer_is_no_request_id() -> None:
    """A visitor's tid is of the form of an id."""
    scope = scope_of([("X-Request-ID", UUID)])

    assert read_trace(locate(scope), known=[UUID, None]) is None
    assert read_trace(locate(scope), known=["another"]) == UUID


def test_a_context_without_its_request() -> None:
    """FastAPI's dependency hands it in: the header lines are read before and after the cookies."""
    context = get_tracking(scope_of([("X-Request-ID", UUID)]))

    assert read_trace(locate(context)) == UUID
    assert context.tid is None
    assert read_trace(locate(context)) == UUID


def test_contexts_that_have_no_headers() -> None:
    """A bare one, and one of a WSGI environ, which holds the texts it needs and nothing else."""
    assert read_trace(locate(TrackingContext(tid="t"))) is None
    assert read_trace(locate(get_tracking(environ_of([("X-Request-ID", UUID)])))) is None


def test_an_environ_that_holds_something_else() -> None:
    """What is no text is no id."""
    environ = environ_of([])
    environ["HTTP_X_REQUEST_ID"] = 42

    assert read_trace(locate(environ)) is None
