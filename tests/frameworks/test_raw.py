"""No framework at all, and whatever is no request."""

from __future__ import annotations

import json
from collections import UserDict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest

from fprom_middleware import (
    FpromNotInstalled,
    Status,
    TrackingContext,
    get_tracking,
    track_signup,
    track_signup_async,
)
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.support.frameworks import EMAIL, EXPECTED, HEADERS, sign_up, sign_up_async

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.support.frameworks import Account


def test_an_environ_is_a_request(account: Account) -> None:
    """The WSGI application hands in its environ."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(sign_up(environ)).encode()]

    account.check_wsgi(WsgiMiddleware(app, account.fprom))


def test_a_scope_is_a_request(account: Account) -> None:
    """The ASGI application hands in its scope."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(await sign_up_async(scope)).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    account.check_asgi(AsgiMiddleware(app, account.fprom))


def test_a_context_is_its_own_request() -> None:
    """A job hands in what a view gave it."""
    context = TrackingContext(tid="tid-of-the-visitor")
    assert get_tracking(context) is context


@pytest.mark.parametrize("name", ["environ", "scope", "env", "wsgi_environ", "_scope"])
def test_the_mapping_is_found_wherever_frameworks_keep_it(account: Account, name: str) -> None:
    """One attribute a framework; the frameworks themselves are tested where they are installed."""
    environ = {"HTTP_COOKIE": HEADERS["Cookie"]}
    WsgiMiddleware(lambda *_: [], account.fprom)(environ, MagicMock())
    request = SimpleNamespace(**{name: environ})
    assert get_tracking(request).tid == EXPECTED["tid"]
    assert track_signup(request, EMAIL).status is Status.SENT


class Explosive:
    """An object whose every attribute raises."""

    def __getattr__(self, name: str) -> object:
        raise OSError


NO_REQUESTS: dict[str, object] = {
    "a text": "request",
    "an empty environ": {},
    "a mapping": UserDict({"a": 1}),
    "a mock": MagicMock(),
    "an object that raises": Explosive(),
    "somebody else's value": {"fprom_middleware.tracking": "tid"},
}


@pytest.mark.anyio
@pytest.mark.parametrize("request_", NO_REQUESTS.values(), ids=NO_REQUESTS)
async def test_without_the_middleware_the_error_shows_the_lines(request_: object) -> None:
    """All three functions say what to add, whatever was handed in."""
    with pytest.raises(FpromNotInstalled, match=r"app = FpromMiddleware\(app, settings\)"):
        get_tracking(request_)
    with pytest.raises(FpromNotInstalled, match="init_app"):
        track_signup(request_, EMAIL)
    with pytest.raises(FpromNotInstalled, match="init_app"):
        await track_signup_async(request_, EMAIL)
