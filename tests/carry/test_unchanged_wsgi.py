"""A WSGI response that passes through: the same bytes, in the same order, closed the same way."""

from __future__ import annotations

import io
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.test import EnvironBuilder
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request, Response

from fprom_middleware.wsgi import FpromMiddleware
from tests.carry.kit import NAVIGATION, TID, Account

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    App = Callable[[dict[str, Any], Any], Any]

HERE = Path(__file__)
HTML = [("Content-Type", "text/html")]
Events = list[tuple[Any, ...]]


class Body:
    """An iterable that tells what is done to it."""

    def __init__(self, events: Events, *parts: bytes, fails: bool = False) -> None:
        self.events, self.parts, self.fails = events, parts, fails

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.events.append(("made", part))
            yield part
        if self.fails:
            raise ConnectionError

    def close(self) -> None:
        """Be told that the server is done."""
        self.events.append(("closed",))


def plain(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Answer with a list."""
    start_response("200 OK", HTML)
    return [b"one", b"", b"two"]


def closing(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Answer with an iterable that has to be closed."""
    start_response("200 OK", HTML)
    return Body(events, b"one", b"two")


def breaking(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Break in the middle of the body."""
    start_response("200 OK", HTML)
    return Body(events, b"one", fails=True)


def writing(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Use the write callable of old."""
    write = start_response("200 OK", HTML)
    write(b"one")
    events.append(("wrote",))
    write(b"two")
    return Body(events, b"three")


def late(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Call start_response only when the body is asked for."""
    events.append(("asked",))
    start_response("200 OK", HTML)
    yield b"one"
    events.append(("asked again",))
    yield b"two"


def fail() -> None:
    """Make a mistake."""
    raise ZeroDivisionError


def starting_twice(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Change the answer after a mistake, before anything was sent."""
    start_response("200 OK", HTML)
    try:
        fail()
    except ZeroDivisionError:
        start_response("500 Oh", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"sorry"]


def starting_again(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Make another page of it, by name as some do."""
    start_response("404 Nothing", HTML)
    try:
        fail()
    except ZeroDivisionError:
        start_response("200 OK", HTML, exc_info=sys.exc_info())
    return [b"all right"]


def starting_too_late(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Make a mistake when the head has gone: the server raises it again."""
    write = start_response("200 OK", HTML)
    write(b"one")
    try:
        fail()
    except ZeroDivisionError:
        start_response("500 Oh", HTML, sys.exc_info())
    return [b"never"]


def failing(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Break before anything."""
    raise ZeroDivisionError


def file(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
    """Hand a file to the server, which may send it by itself."""
    start_response("200 OK", HTML)
    handed = environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 20_000))
    events.append(("handed", type(handed).__name__))
    return handed


def werkzeugs(make: Callable[[Request, Events], Response]) -> Callable[..., Any]:
    """Make an app of one of Werkzeug's responses."""

    def app(events: Events, environ: dict[str, Any], start_response: Any) -> Any:
        try:
            response = make(Request(environ), events)
        except HTTPException as error:
            response = error.get_response(environ)
        return response(environ, start_response)

    return app


def streamed(request: Request, events: Events) -> Response:
    """Stream, close and call back."""

    def parts() -> Iterator[str]:
        try:
            for part in ("data: ä\n\n", "data: two\n\n"):
                events.append(("made", part))
                yield part
        finally:
            events.append(("generator closed",))

    response = Response(parts(), mimetype="text/html")
    response.call_on_close(lambda: events.append(("called on close",)))
    return response


def sent(request: Request, events: Events) -> Response:
    """Send a file with everything Werkzeug knows: ETag, Last-Modified, ranges."""
    return send_file(HERE, request.environ, mimetype="text/html", conditional=True, max_age=0)


def conditional(request: Request, events: Events) -> Response:
    """Answer 304 to whoever has it."""
    response = Response("same", mimetype="text/html")
    response.add_etag()
    return response.make_conditional(request)


APPS = {
    "plain": plain,
    "closing": closing,
    "breaking": breaking,
    "writing": writing,
    "late": late,
    "starting twice": starting_twice,
    "starting again": starting_again,
    "starting too late": starting_too_late,
    "failing": failing,
    "file": file,
    "html": werkzeugs(lambda *_: Response("<p>ä", mimetype="text/html")),
    "several cookies": werkzeugs(
        lambda *_: Response("", headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    ),
    "nothing": werkzeugs(lambda *_: Response(status=204)),
    "redirect": werkzeugs(lambda *_: redirect("/welcome", 303)),
    "json": werkzeugs(lambda *_: Response("{}", mimetype="application/json")),
    "streamed": werkzeugs(streamed),
    "server-sent events": werkzeugs(
        lambda *_: Response((f"data: {i}\n\n" for i in range(3)), mimetype="text/event-stream")
    ),
    "sent": werkzeugs(sent),
    "conditional": werkzeugs(conditional),
    "not found": lambda _, *given: NotFound()(*given),
}

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
    environ = EnvironBuilder(
        method=method, headers=Headers(NAVIGATION | {"Cookie": f"_fprom_tid={TID}"} | headers)
    ).get_environ()
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
    """Take our cookie out of the heads; it may only stand last."""
    found, cleaned = 0, []
    for event in events:
        if event[0] == "start":
            kind, status, headers, error = event
            if headers and headers[-1][1].startswith("fprom_keep="):
                found, headers = found + 1, headers[:-1]
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
    environ = EnvironBuilder(
        headers=Headers(NAVIGATION | {"Cookie": f"_fprom_tid={TID}"})
    ).get_environ()
    heads: list[Any] = []

    def start_response(*given: Any) -> Any:
        heads.append(given)
        return print

    body = wrapped(environ, start_response)
    assert list(body) == [b"one"]
    body.close()  # type: ignore[attr-defined]
    assert "fprom_keep=" in str(heads)
