"""Forms as servers hand them over: in pieces, without a length, without an end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from fprom_middleware.script_proxy import asgi as by_asgi
from fprom_middleware.script_proxy import wsgi as by_wsgi
from fprom_middleware.script_proxy.asgi import read_body
from fprom_middleware.script_proxy.calls import MAX_BODY, TOO_LONG, TOO_SLOW
from fprom_middleware.script_proxy.wsgi import read_input
from tests.support.vendor import FORM

if TYPE_CHECKING:
    from collections.abc import Iterator

AFTER = b"GET /the-next-request HTTP/1.1"


def environ(body: bytes, **more: Any) -> dict[str, Any]:
    """What a server makes of a request whose connection goes on after its body."""
    return {"wsgi.input": io.BytesIO(body + AFTER), **more}


@pytest.mark.parametrize("body", [b"", b"a", FORM, b"x" * MAX_BODY])
def test_no_more_is_read_than_the_length_says(body: bytes) -> None:
    """What follows is another request's."""
    given = environ(body, CONTENT_LENGTH=str(len(body)))
    assert read_input(given) == body
    assert given["wsgi.input"].read() == AFTER


@pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": None}])
def test_without_a_length_only_what_the_server_ends_is_read(length: dict[str, Any]) -> None:
    """Chunks have no length; a server that undoes them says that its input ends."""
    assert read_input(environ(FORM, **length)) == b""
    ended = {"wsgi.input": io.BytesIO(FORM), "wsgi.input_terminated": True, **length}
    assert read_input(ended) == FORM
    ended["wsgi.input"] = io.BytesIO(b"x" * MAX_BODY)
    assert read_input(ended) == b"x" * MAX_BODY


def test_chunks_without_end_are_read_to_the_bound() -> None:
    """And one byte further, which tells."""
    stream = io.BytesIO(b"x" * 1_000_000)
    assert read_input({"wsgi.input": stream, "wsgi.input_terminated": True}) is TOO_LONG
    assert stream.tell() == MAX_BODY + 1


def test_a_body_that_is_shorter_than_it_says() -> None:
    """The client has gone: what there is goes out, as it is."""
    given = {"wsgi.input": io.BytesIO(b"ab"), "CONTENT_LENGTH": "5"}
    assert read_input(given) == b"ab"


def test_a_slow_body_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte after the other, for longer than a page should take."""
    monkeypatch.setattr(by_wsgi, "BODY_SECONDS", -1.0)
    stream = io.BytesIO(FORM)
    given = {"wsgi.input": stream, "CONTENT_LENGTH": str(len(FORM))}
    assert read_input(given) is TOO_SLOW
    assert stream.tell() == 1


def pieces(*bodies: bytes, end: bool = True) -> Any:
    """What a server hands over, one message after the other."""

    def messages() -> Iterator[dict[str, Any]]:
        last = len(bodies) - 1 if end else len(bodies)
        for number, body in enumerate(bodies):
            yield {"type": "http.request", "body": body, "more_body": number < last}
        yield {"type": "http.disconnect"}

    left = messages()

    async def receive() -> dict[str, Any]:
        return next(left)

    return receive


@pytest.mark.anyio
async def test_messages_are_joined_to_the_bound() -> None:
    """A message without a body is one, too."""
    assert await read_body(pieces(b"a=", b"", b"b")) == b"a=b"
    assert await read_body(pieces(b"x" * MAX_BODY)) == b"x" * MAX_BODY
    assert await read_body(pieces(*[b"x" * 1024] * 8, b"x")) is TOO_LONG
    assert await read_body(pieces(b"a=", end=False)) is None

    async def empty() -> dict[str, Any]:
        return {"type": "http.request"}

    assert await read_body(empty) == b""


@pytest.mark.anyio
async def test_messages_that_do_not_come_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop serves others meanwhile."""
    monkeypatch.setattr(by_asgi, "BODY_SECONDS", 0.05)

    async def receive() -> Any:
        await anyio.sleep_forever()

    assert await read_body(receive) is TOO_SLOW
