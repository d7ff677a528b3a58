"""A WSGI response that passes through: the same bytes, in the same order, closed the same way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from fprom_middleware.wsgi import FpromMiddleware
from tests.support.accounts import Account
from tests.support.visits import REFERRED
from tests.visitor.wsgi_apps import APPS, HTML, Events

if TYPE_CHECKING:
    from collections.abc import Callable

    App = Callable[[dict[str, Any], Any], Any]

REQUESTS: dict[str, dict[str, str]] = {
    "whole": {},
    "range": {"Range": "bytes=10-19"},
    "no such range": {"Range": "bytes=9999999-"},
    "known": {"If-None-Match": "*"},
}


def serve(
    app: App, method: str, headers: dict[str, str], events: Events, *, stop_after: int | None = None
) -> Any:
    """Do what a server does, and write down what happens in which order."""
    environ = EnvironBuilder(method=method, headers=Headers(REFERRED | headers)).get_environ()
    environ["wsgi.file_wrapper"] = FileWrapper
    is_sent = False

    def write(data: bytes) -> None:
        nonlocal is_sent
        is_sent = True
        events.append(("write", data))

    def start_response(status: str, headers: list[Any], exc_info: Any = None) -> Any:
        if exc_info and is_sent:
            raise exc_info[1]
        # The date, which Werkzeug adds to some, is not the same in the next second.
        shown = [one for one in headers if one[0] != "Date"]
        events.append(("start", status, shown, exc_info and exc_info[0]))
        return write

    body: Any = None
    try:
        body = app(environ, start_response)
        events.append(("body", type(body).__name__))
        for number, data in enumerate(body):
            write(data)
            if number + 1 == stop_after:
                events.append(("client gone",))
                break
    except (ZeroDivisionError, ConnectionError) as error:
        events.append(("raised", type(error).__name__))
    finally:
        if hasattr(body, "close"):
            body.close()
    return body


def without_ours(events: Events) -> tuple[Events, int]:
    """Take our cookie out of the heads, and what keeps caches from it; they may only stand last."""
    found, cleaned = 0, []
    for event in events:
        if event[0] == "start":
            kind, status, headers, error = event
            if headers and headers[-1][1].startswith("fprom_keep="):
                found, headers = found + 1, headers[:-1]
                while headers[-1:] and headers[-1] in {
                    ("Vary", "Cookie"),
                    ("Cache-Control", "private"),
                }:
                    headers = headers[:-1]
            event = (kind, status, headers, error)  # noqa: PLW2901 - the cleaned one
        cleaned.append(event)
    return cleaned, found


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("request_kind", REQUESTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("stop_after", [None, 1])
def test_nothing_else_changes(
    name: str, request_kind: str, method: str, stop_after: int | None
) -> None:
    """With and without the middleware: the same events, but for one Set-Cookie at most a head."""
    app, headers = APPS[name], REQUESTS[request_kind]
    bare: Events = []
    serve(partial(app, bare), method, headers, bare, stop_after=stop_after)
    for account in (Account(), Account(keep_days=60), Account(keep_days=60, consent=lambda _: 0)):
        events: Events = []
        wrapped = FpromMiddleware(partial(app, events), account.fprom)
        serve(wrapped, method, headers, events, stop_after=stop_after)
        cleaned, found = without_ours(events)
        assert cleaned == bare
        assert found == 0 or (method == "GET" and account.fprom.settings.keep_days)


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("plain", 1),
        ("late", 1),
        ("writing", 1),
        ("redirect", 1),
        ("streamed", 1),
        ("file", 1),
        ("starting twice", 1),
        ("starting again", 1),
        ("json", 0),
        ("nothing", 0),
        ("server-sent events", 0),
        ("not found", 0),
    ],
)
def test_which_heads_carry_the_cookie(name: str, heads: int) -> None:
    """Each head that is a page of its own; never an error's, and never a stream of events."""
    events: Events = []
    account = Account(keep_days=60)
    serve(FpromMiddleware(partial(APPS[name], events), account.fprom), "GET", {}, events)
    assert without_ours(events)[1] == heads


def test_the_very_body_is_handed_on() -> None:
    """No wrapper around it: a server may look at its type, its length or its file."""
    body = [b"one"]

    def app(_: Any, start_response: Any) -> Any:
        start_response("200 OK", HTML)
        return body

    events: Events = []
    assert serve(FpromMiddleware(app, Account(keep_days=60).fprom), "GET", {}, events) is body
    assert without_ours(events)[1] == 1


@pytest.mark.parametrize("status", ["200", "200 ", "²00 odd", "odd", ""])
def test_an_odd_status_line_is_the_servers_business(status: str) -> None:
    """Whatever the app says is handed on."""

    def app(_: Any, start_response: Any) -> Any:
        start_response(status, HTML)
        return []

    events: Events = []
    serve(FpromMiddleware(app, Account(keep_days=60).fprom), "GET", {}, events)
    assert events[0][:2] == ("start", status)


def test_the_apps_own_list_of_headers_is_left_alone() -> None:
    """Apps share such lists between requests: a cookie in one would reach everybody."""
    shared = list(HTML)

    def app(_: Any, start_response: Any) -> Any:
        start_response("200 OK", shared)
        return []

    fprom = Account(keep_days=60).fprom
    for _ in range(2):
        events: Events = []
        serve(FpromMiddleware(app, fprom), "GET", {}, events)
        assert without_ours(events)[1] == 1
    assert shared == HTML


def test_it_keeps_to_pep_3333() -> None:
    """The standard library's validator finds nothing on either side of the middleware."""

    def app(_: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [b"one"]

    fprom = Account(keep_days=60).fprom
    wrapped = validator(FpromMiddleware(validator(app), fprom))
    environ = EnvironBuilder(headers=Headers(REFERRED)).get_environ()
    heads: list[Any] = []

    def start_response(*given: Any) -> Any:
        heads.append(given)
        return print

    body = wrapped(environ, start_response)
    assert list(body) == [b"one"]
    body.close()  # type: ignore[attr-defined]
    assert "fprom_keep=" in str(heads)
