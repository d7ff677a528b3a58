"""FastAPI: the request in a path operation, a dependency and a websocket."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.testclient import TestClient

from fprom_middleware import TrackingContext, get_tracking
from fprom_middleware.fastapi import FpromMiddleware, init_app
from tests.support.frameworks import HEADERS, Account, sign_up, sign_up_async


def make_app() -> FastAPI:
    """A FastAPI app with a registration view of each kind."""
    app = FastAPI()

    @app.post("/signup")
    async def view(request: Request) -> dict[str, str | None]:
        return await sign_up_async(request)

    @app.post("/thread")
    def view_in_a_thread(request: Request) -> dict[str, str | None]:
        return sign_up(request)

    @app.get("/dependency")
    def view_with_a_dependency(
        tracking: Annotated[TrackingContext, Depends(tracking_of)],
    ) -> list[str | None]:
        return [tracking.tid, tracking.ip]

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(await sign_up_async(websocket))
        await websocket.close()

    return app


def tracking_of(request: Request) -> TrackingContext:
    """Hand the context to whoever depends on it."""
    return get_tracking(request)


def test_a_path_operation_signs_up(account: Account) -> None:
    """With `init_app`, FastAPI's request."""
    app = make_app()
    assert init_app(app, account.fprom) is app.state.fprom
    account.check_asgi(app)


def test_a_sync_path_operation_signs_up(account: Account) -> None:
    """FastAPI runs it in a thread."""
    app = FpromMiddleware(make_app(), account.fprom)
    account.check(TestClient(app).post("/thread", headers=HEADERS).json())


def test_a_websocket_signs_up(account: Account) -> None:
    """FastAPI's websocket is a request, too."""
    app = make_app()
    app.add_middleware(FpromMiddleware, fprom=account.fprom)
    with TestClient(app).websocket_connect("/ws", headers=HEADERS) as websocket:
        account.check(websocket.receive_json())


def test_a_dependency_hands_out_the_context(account: Account) -> None:
    """The context is a plain object that can be injected."""
    app = FpromMiddleware(make_app(), account.fprom)
    answer = TestClient(app).get("/dependency", headers=HEADERS)
    assert answer.json() == ["tid-of-the-visitor", "203.0.113.77"]
