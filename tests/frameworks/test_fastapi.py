"""FastAPI: the request in a path operation, a dependency and a websocket."""

from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.testclient import TestClient

import fprom_middleware
from fprom_middleware import FpromNotInstalled, TrackingContext
from fprom_middleware.fastapi import (
    FpromDep,
    FpromMiddleware,
    Tracking,
    get_tracking,
    init_app,
    lifespan,
)
from tests.support.accounts import make_settings
from tests.support.frameworks import EMAIL, HEADERS, Account, sign_up, sign_up_async


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
    return fprom_middleware.get_tracking(request)


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


def make_app_with_dependencies() -> FastAPI:
    """A FastAPI app whose views take what they need as parameters."""
    app = FastAPI()

    @app.get("/async")
    async def view(tracking: Tracking, fprom: FpromDep) -> list[str | None]:
        receipt = await fprom.track_signup_async(tracking, EMAIL)
        return [tracking.tid, tracking.ip, receipt.status]

    @app.get("/thread")
    def view_in_a_thread(tracking: Tracking, fprom: FpromDep) -> list[str | None]:
        return [tracking.tid, tracking.ip, fprom.track_signup(tracking, EMAIL).status]

    @app.get("/bare")
    def view_with_the_function(
        tracking: Annotated[TrackingContext, Depends(get_tracking)],
    ) -> list[str | None]:
        receipt = fprom_middleware.track_signup(tracking, EMAIL)
        return [tracking.tid, tracking.ip, receipt.status]

    @app.websocket("/ws")
    async def talk(
        websocket: WebSocket,
        tracking: Tracking,
        fprom: FpromDep,
        same: Annotated[TrackingContext, Depends(get_tracking)],
    ) -> None:
        await websocket.accept()
        assert same is tracking
        receipt = await fprom.track_signup_async(tracking, EMAIL)
        await websocket.send_json([tracking.tid, tracking.ip, receipt.status])
        await websocket.close()

    return app


SIGNED_UP = ["tid-of-the-visitor", "203.0.113.77", "sent"]


@pytest.mark.parametrize("path", ["/async", "/thread", "/bare"])
def test_a_view_takes_the_context_and_the_account(account: Account, path: str) -> None:
    """As parameters, and as FastAPI's own `Depends` on the function."""
    app = make_app_with_dependencies()
    init_app(app, account.fprom)
    assert TestClient(app).get(path, headers=HEADERS).json() == SIGNED_UP


def test_a_websocket_takes_the_context_and_the_account(account: Account) -> None:
    """The same parameters."""
    app = make_app_with_dependencies()
    init_app(app, account.fprom)
    with TestClient(app).websocket_connect("/ws", headers=HEADERS) as websocket:
        assert websocket.receive_json() == SIGNED_UP


def test_the_dependencies_are_no_part_of_the_api() -> None:
    """The app's OpenAPI knows neither a parameter nor a model of them."""
    described = make_app_with_dependencies().openapi()
    assert {
        path: set(views["get"]) & {"parameters", "requestBody"}
        for path, views in described["paths"].items()
    } == {"/async": set(), "/thread": set(), "/bare": set()}
    assert "components" not in described


@pytest.mark.parametrize("path", ["/async", "/bare"])
def test_without_the_middleware_a_dependency_shows_the_lines(path: str) -> None:
    """Those of FastAPI."""
    client = TestClient(make_app_with_dependencies())
    with pytest.raises(FpromNotInstalled, match=r"from fprom_middleware\.fastapi import init_app"):
        client.get(path)


def test_the_lifespan_closes_the_account(tmp_path: Path) -> None:
    """FastAPI's `lifespan=` takes it as it is."""
    app = FastAPI(lifespan=lifespan)
    settings = make_settings(f"sqlite:///{tmp_path / 'outbox.db'}", worker="thread")
    fprom = init_app(app, settings)
    with TestClient(app) as client:
        client.get("/")
        assert not fprom.needs_start
    assert fprom.needs_start
