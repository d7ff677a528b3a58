"""Sanic in ASGI mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import EXPECTED, HEADERS, NOBODY, ORGANIC, sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

sanic: Any = pytest.importorskip("sanic", reason="Sanic is not installed here")


def test_a_handler_and_a_websocket_sign_up(account: Account) -> None:
    """Under an ASGI server their request has a scope. Sanic starts one app in a process."""
    app = sanic.Sanic("fprom_shop", configure_logging=False)

    @app.post("/signup")  # type: ignore[untyped-decorator]
    async def view(request: Any) -> Any:
        return sanic.json(await sign_up_async(request))

    @app.websocket("/ws")  # type: ignore[untyped-decorator]
    async def talk(request: Any, socket: Any) -> None:
        await socket.send(json.dumps(await sign_up_async(request)))

    with TestClient(FpromMiddleware(app, account.fprom)) as client:
        account.check(client.post("/signup", headers=HEADERS).json())
        assert client.post("/signup", headers=ORGANIC).json() == NOBODY
        with client.websocket_connect("/ws", headers=HEADERS) as socket:
            assert socket.receive_json() == EXPECTED
    assert len(account.leads) == 2
