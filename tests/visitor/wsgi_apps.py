"""Every way in which a WSGI app can answer, Werkzeug's own responses among them."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    return send_file(HERE, request.environ, mimetype="text/html", conditional=True)


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
