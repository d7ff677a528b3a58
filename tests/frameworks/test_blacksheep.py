"""BlackSheep: its request keeps the scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import HEADERS, sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

blacksheep: Any = pytest.importorskip("blacksheep", reason="BlackSheep is not installed here")


def test_a_handler_signs_up(account: Account) -> None:
    """The middleware around the app."""
    app = blacksheep.Application(router=blacksheep.Router())

    async def view(request: Any) -> Any:
        return blacksheep.json(await sign_up_async(request))

    # BlackSheep reads annotations, and this module has none at run time.
    view.__annotations__ = {"request": blacksheep.Request}
    app.router.add_post("/signup", view)
    account.check_asgi(FpromMiddleware(app, account.fprom), lifespan=True)


def test_a_websocket_signs_up(account: Account) -> None:
    """A websocket is a request, too."""
    app = blacksheep.Application(router=blacksheep.Router())

    async def talk(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_json(await sign_up_async(websocket))
        await websocket.close()

    talk.__annotations__ = {"websocket": blacksheep.WebSocket}
    app.router.add_ws("/ws", talk)
    with (
        TestClient(FpromMiddleware(app, account.fprom)) as client,
        client.websocket_connect("/ws", headers=HEADERS) as socket,
    ):
        account.check(socket.receive_json())
