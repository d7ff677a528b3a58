"""A request that no middleware saw: the error shows the lines of its own framework or protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import bottle  # type: ignore[import-untyped]
import falcon
import pytest
import werkzeug
from fastapi import FastAPI
from litestar import Request as LitestarRequest
from starlette.requests import Request as StarletteRequest
from starlette.websockets import WebSocket
from werkzeug.test import create_environ

from fprom_middleware import FpromNotInstalled, TrackingContext, get_tracking, track_signup
from tests.support.frameworks import EMAIL

if TYPE_CHECKING:
    from collections.abc import Callable

WSGI = "from fprom_middleware.wsgi import FpromMiddleware\n    app = FpromMiddleware(app, settings)"
ASGI = "from fprom_middleware.asgi import FpromMiddleware\n    app = FpromMiddleware(app, settings)"
STARLETTE = "from fprom_middleware.starlette import init_app\n    init_app(app)"


def scope(kind: str = "http", **more: Any) -> dict[str, Any]:
    """A scope as a server makes it."""
    return {
        "type": kind,
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
        **more,
    }


REQUESTS: dict[str, tuple[Callable[[], Any], str]] = {
    "an environ": (create_environ, WSGI),
    "Werkzeug": (lambda: werkzeug.Request(create_environ()), WSGI),
    "Bottle": (lambda: bottle.BaseRequest(create_environ()), WSGI),
    "Falcon": (lambda: falcon.Request(create_environ()), WSGI),
    "CherryPy's attribute": (lambda: SimpleNamespace(wsgi_environ=create_environ()), WSGI),
    "a scope": (scope, ASGI),
    "Litestar": (lambda: LitestarRequest(scope()), ASGI),  # type: ignore[arg-type]
    "Emmett's attribute": (lambda: SimpleNamespace(_scope=scope()), ASGI),
    "Starlette": (
        lambda: StarletteRequest(scope()),
        STARLETTE,
    ),
    "a websocket": (
        lambda: WebSocket(scope("websocket"), None, None),  # type: ignore[arg-type]
        STARLETTE,
    ),
    "FastAPI": (
        lambda: StarletteRequest(scope(app=FastAPI())),
        "from fprom_middleware.fastapi import init_app",
    ),
}


@pytest.mark.parametrize(("make", "lines"), REQUESTS.values(), ids=REQUESTS)
def test_the_error_shows_the_lines(make: Callable[[], Any], lines: str) -> None:
    """The right ones, and no others."""
    with pytest.raises(FpromNotInstalled) as caught:
        track_signup(make(), EMAIL)
    assert lines in str(caught.value)
    assert "two ways out" not in str(caught.value)
    assert str(caught.value).count("FpromMiddleware(") <= 1


class ForeignRequest:
    """A request of a framework that has neither environ nor scope."""

    headers = {"Cookie": "_fprom_tid=t"}  # noqa: RUF012 - as that framework has it


@pytest.mark.parametrize(
    "request_", [ForeignRequest(), "request", 7, {}], ids=lambda one: type(one).__name__
)
def test_what_is_no_request_names_the_ways_out(request_: object) -> None:
    """The raw environ or scope, or a context made by hand; and the middleware, if it is that."""
    with pytest.raises(FpromNotInstalled) as caught:
        get_tracking(request_)
    text = str(caught.value)
    assert text.startswith(f"This {type(request_).__name__} holds no tracking context.")
    assert "hand in the raw environ or scope" in text
    assert "TrackingContext(tid=..., ip=...)" in text
    assert "app = FpromMiddleware(app, settings)" in text


def test_both_ways_out_are_ways(account: Any) -> None:
    """What the text says, done."""
    assert account.fprom.track_signup(TrackingContext(tid="t"), EMAIL).status == "sent"
