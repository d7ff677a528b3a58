"""Quart: the request proxy in a view and in a websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import quart
from quart import Quart
from starlette.testclient import TestClient

from fprom_middleware import FpromNotInstalled, get_tracking
from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import HEADERS, sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account


def make_app(account: Account) -> Any:
    """A Quart app with a registration view and a websocket."""
    app: Any = Quart(__name__)
    app.asgi_app = FpromMiddleware(app.asgi_app, account.fprom)

    @app.post("/signup")  # type: ignore[untyped-decorator]
    async def view() -> dict[str, str | None]:
        return await sign_up_async(quart.request)

    @app.websocket("/ws")  # type: ignore[untyped-decorator]
    async def talk() -> None:
        await quart.websocket.send_json(await sign_up_async(quart.websocket))

    return app


def test_a_view_signs_up(account: Account) -> None:
    """`quart.request` is a request."""
    account.check_asgi(make_app(account))


def test_a_websocket_signs_up(account: Account) -> None:
    """So is `quart.websocket`."""
    with (
        TestClient(make_app(account)) as client,
        client.websocket_connect("/ws", headers=HEADERS) as websocket,
    ):
        account.check(websocket.receive_json())


def test_outside_a_request_the_error_says_so() -> None:
    """A proxy with nothing behind it is not a missing middleware."""
    for proxy in (quart.request, quart.websocket):
        with pytest.raises(FpromNotInstalled, match="outside a request"):
            get_tracking(proxy)
