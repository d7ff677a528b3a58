"""Starlette: requests, websockets, mounted apps, and `init_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.config import Config
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.templating import Jinja2Templates
from starlette.testclient import TestClient

from fprom_middleware import FpromConfigError, FpromSettings, TrackingContext, get_tracking
from fprom_middleware.starlette import FpromMiddleware, init_app, init_templates, lifespan
from tests.support.accounts import make_settings
from tests.support.frameworks import EXPECTED, HEADERS, Account, sign_up, sign_up_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

KEYS = {
    "FPROM_API_KEY": "key-of-the-account",
    "FPROM_ACCOUNT_ID": "account-7",
    "FPROM_DELIVERY": "inline",
}


async def view(request: Request) -> Response:
    """Register somebody."""
    return JSONResponse(await sign_up_async(request))


def view_in_a_thread(request: Request) -> Response:
    """Register somebody from a sync endpoint."""
    return JSONResponse(sign_up(request))


async def talk(websocket: WebSocket) -> None:
    """Register somebody over a websocket."""
    await websocket.accept()
    await websocket.send_json(await sign_up_async(websocket))
    await websocket.close()


def make_app() -> Starlette:
    """A Starlette app with a registration view of each kind."""
    return Starlette(
        routes=[
            Route("/signup", view, methods=["POST"]),
            Route("/thread", view_in_a_thread, methods=["POST"]),
            WebSocketRoute("/ws", talk),
        ]
    )


def test_a_view_signs_up(account: Account) -> None:
    """With `init_app`, a Starlette request."""
    app = make_app()
    assert init_app(app, account.fprom) is account.fprom
    assert app.state.fprom is account.fprom
    account.check_asgi(app)


def test_a_sync_view_signs_up(account: Account) -> None:
    """Starlette runs it in a thread."""
    app = make_app()
    init_app(app, account.fprom)
    account.check(TestClient(app).post("/thread", headers=HEADERS).json())


def test_a_websocket_signs_up(account: Account) -> None:
    """A websocket's scope carries a context, too."""
    with (
        TestClient(FpromMiddleware(make_app(), account.fprom)) as client,
        client.websocket_connect("/ws", headers=HEADERS) as websocket,
    ):
        account.check(websocket.receive_json())


def test_the_context_stands_in_the_request_s_state(account: Account) -> None:
    """`request.state.fprom` is the context, also beside what the lifespan put there."""
    seen: list[object] = []

    async def look(request: Request) -> Response:
        seen.extend([request.state.fprom, request.state.pool, get_tracking(request)])
        return JSONResponse(None)

    app = Starlette(routes=[Route("/", look)], lifespan=lambda _: Lifespan())
    init_app(app, account.fprom)
    with TestClient(app) as client:
        client.get("/", headers=HEADERS)
        client.get("/")
    assert isinstance(seen[0], TrackingContext)
    assert seen[0] is seen[2]
    assert seen[0].tid == "tid-of-the-visitor"
    assert seen[1] == "of the lifespan"
    assert isinstance(seen[3], TrackingContext)
    assert seen[3].tid is None


def test_the_lifespan_ends_inside_the_app_s_own(tmp_path: Path) -> None:
    """The drain's thread ends with the app, before what the app itself closes."""
    seen: list[bool] = []

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[dict[str, str]]:
        async with lifespan(app):
            yield {"pool": "of the lifespan"}
        seen.append(fprom.needs_start)

    async def look(request: Request) -> Response:
        return JSONResponse(request.state.pool)

    app = Starlette(routes=[Route("/", look)], lifespan=own)
    settings = make_settings(f"sqlite:///{tmp_path / 'outbox.db'}", worker="thread")
    fprom = init_app(app, settings)
    with TestClient(app) as client:
        assert client.get("/").json() == "of the lifespan"
        assert not fprom.needs_start
    assert seen == [True]


def test_the_lifespan_ends_where_the_app_fails(account: Account) -> None:
    """What the app raises goes on, and the account is closed all the same."""
    closed: list[bool] = []
    account.fprom.close = lambda: closed.append(True)  # type: ignore[method-assign]

    @asynccontextmanager
    async def own(app: Starlette) -> AsyncIterator[None]:
        async with lifespan(app):
            yield
            raise ZeroDivisionError

    app = Starlette(lifespan=own)
    init_app(app, account.fprom)
    with pytest.raises(ZeroDivisionError), TestClient(app):
        pass
    assert closed == [True]


def test_a_lifespan_without_an_account_is_a_mistake() -> None:
    """It says what to call, at start."""
    with (
        pytest.raises(FpromConfigError, match=r"init_app\(app\)"),
        TestClient(Starlette(lifespan=lifespan)),
    ):
        pass


class Lifespan:
    """A lifespan with a state."""

    async def __aenter__(self) -> dict[str, str]:
        return {"pool": "of the lifespan"}

    async def __aexit__(self, *_: object) -> None:
        pass


def test_a_handler_of_errors_sees_the_context(account: Account) -> None:
    """The scope is never copied, so what stands outside the middleware sees it."""
    seen: list[str | None] = []

    async def fail(request: Request) -> Response:
        raise ZeroDivisionError

    async def apologize(request: Request, error: Exception) -> Response:
        seen.append(get_tracking(request).tid)
        return JSONResponse(None, 500)

    app = Starlette(routes=[Route("/", fail)], exception_handlers={Exception: apologize})
    init_app(app, account.fprom)
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/", headers=HEADERS).status_code == 500
    assert seen == ["tid-of-the-visitor"]


def test_of_two_apps_the_inner_one_has_its_own_account(account: Account) -> None:
    """A mounted app signs up to its own account."""
    inner, own = make_app(), Account()
    init_app(inner, own.fprom)
    app = Starlette(routes=[Mount("/shop", inner), Route("/signup", view, methods=["POST"])])
    init_app(app, account.fprom)
    client = TestClient(app)
    assert client.post("/shop/signup", headers=HEADERS).json() == EXPECTED
    assert (len(own.leads), len(account.leads)) == (1, 0)
    account.check(client.post("/signup", headers=HEADERS).json())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing handed in: the process environment."""
    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("FPROM_TIMEOUT", "2.5")
    app = make_app()
    assert init_app(app).settings.timeout == 2.5


GIVEN: dict[str, Callable[[], Any]] = {
    "settings": lambda: FpromSettings(api_key="k" * 20, account_id="given", delivery="inline"),
    "a mapping": lambda: {**KEYS, "FPROM_ACCOUNT_ID": "given"},
    "a config": lambda: Config(environ={**KEYS, "FPROM_ACCOUNT_ID": "given", "OTHER": "1"}),
    "a config with a prefix": lambda: Config(
        env_prefix="APP_",
        environ={
            **{f"APP_{key}": value for key, value in KEYS.items()},
            "APP_FPROM_ACCOUNT_ID": "given",
            "FPROM_ACCOUNT_ID": "somebody else's",
        },
    ),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
def test_settings_may_be_given(given: Callable[[], Any]) -> None:
    """Settings, a mapping, or Starlette's own `Config`."""
    app = make_app()
    assert init_app(app, given()).settings.account_id == "given"
    assert app.state.fprom.settings.account_id == "given"


def test_a_config_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    """As in `Config` itself."""
    file = tmp_path / ".env"
    file.write_text(
        "FPROM_API_KEY=key-of-the-file\nFPROM_ACCOUNT_ID=file\nFPROM_DELIVERY=inline\nDEBUG=1\n"
    )
    config = Config(file, environ={"FPROM_ACCOUNT_ID": "environment"})
    settings = init_app(make_app(), config).settings
    assert (settings.api_key, settings.account_id) == ("key-of-the-file", "environment")


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({}, "FPROM_API_KEY"),
        ({**KEYS, "FPROM_TIMEOUT": "0"}, "FPROM_TIMEOUT"),
        (Config(environ={**KEYS, "FPROM_TIMEOUTS": "1"}), "FPROM_TIMEOUTS"),
    ],
)
def test_a_wrong_setting_fails_at_start(given: Any, key: str) -> None:
    """The error names the key, and the app is left as it was."""
    app = make_app()
    with pytest.raises(FpromConfigError, match=key) as caught:
        init_app(app, given)
    assert caught.value.key == key
    assert app.user_middleware == []
    assert not hasattr(app.state, "fprom")


def test_a_second_call_is_refused(account: Account) -> None:
    """Two middlewares of one app would be a mistake; the first stays."""
    app = make_app()
    init_app(app, account.fprom)
    with pytest.raises(FpromConfigError, match="once"):
        init_app(app, account.fprom)
    account.check_asgi(app)


def test_templates_get_the_script(tmp_path: Path) -> None:
    """`fprom_script(nonce)` writes the tracking script of the account, escaped."""
    (tmp_path / "page.html").write_text("{{ fprom_script(nonce='n\"') }}")
    templates = Jinja2Templates(tmp_path)
    init_templates(templates, init_app(make_app(), KEYS))
    text = templates.get_template("page.html").render()
    assert "<script" in text
    assert "account-7" in text
    assert 'n"' not in text


def test_an_app_that_has_started_is_refused(account: Account) -> None:
    """Starlette itself takes no middleware then; nothing is left behind."""
    app = make_app()
    TestClient(app).get("/")
    with pytest.raises(RuntimeError, match="started"):
        init_app(app, account.fprom)
    assert not hasattr(app.state, "fprom")
