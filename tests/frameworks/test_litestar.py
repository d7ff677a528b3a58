"""Litestar: requests and websockets."""

from typing import Any

from litestar import Litestar, Request, WebSocket, post, websocket
from starlette.testclient import TestClient

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import HEADERS, Account, sign_up, sign_up_async


@post("/signup", status_code=200)
async def view(request: Request[Any, Any, Any]) -> dict[str, str | None]:
    """Register somebody."""
    return await sign_up_async(request)


@post("/thread", status_code=200, sync_to_thread=True)
def view_in_a_thread(request: Request[Any, Any, Any]) -> dict[str, str | None]:
    """Register a visitor from a sync handler."""
    return sign_up(request)


@websocket("/ws")
async def talk(socket: WebSocket[Any, Any, Any]) -> None:
    """Register somebody over a websocket."""
    await socket.accept()
    await socket.send_json(await sign_up_async(socket))
    await socket.close()


def test_a_handler_signs_up(account: Account) -> None:
    """The middleware around the app."""
    app: Any = Litestar([view], logging_config=None)
    account.check_asgi(FpromMiddleware(app, account.fprom))


def test_a_sync_handler_signs_up(account: Account) -> None:
    """Litestar runs it in a thread."""
    app: Any = Litestar([view_in_a_thread], logging_config=None)
    client = TestClient(FpromMiddleware(app, account.fprom))
    account.check(client.post("/thread", headers=HEADERS).json())


def test_a_handler_behind_litestar_s_own_middleware_signs_up(account: Account) -> None:
    """The middleware among Litestar's."""

    def wrap(app: Any) -> Any:
        return FpromMiddleware(app, account.fprom)

    account.check_asgi(Litestar([view], middleware=[wrap], logging_config=None))


def test_a_websocket_signs_up(account: Account) -> None:
    """A websocket is a request, too."""
    app: Any = Litestar([talk], logging_config=None)
    with (
        TestClient(FpromMiddleware(app, account.fprom)) as client,
        client.websocket_connect("/ws", headers=HEADERS) as connection,
    ):
        account.check(connection.receive_json())
