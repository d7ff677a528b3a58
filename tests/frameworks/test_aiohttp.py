"""aiohttp: requests, websockets and streams over real sockets, and `init_app`."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import UnixConnector, web
from aiohttp.test_utils import TestClient, TestServer

import fprom_middleware
from fprom_middleware import FpromConfigError, FpromNotInstalled, get_tracking
from fprom_middleware.aiohttp import APP_KEY, init_app
from fprom_middleware.aiohttp.scope import request_key
from tests.support.accounts import CREDENTIALS, make_settings
from tests.support.frameworks import (
    EXPECTED,
    HEADERS,
    NOBODY,
    ORGANIC,
    Account,
    sign_up_async,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio
PAGE = {"Accept": "text/html", "Cookie": "_fprom_tid=tid-of-the-visitor"}


@pytest.fixture
def anyio_backend() -> str:
    """The only one that aiohttp runs on."""
    return "asyncio"


async def view(request: web.Request) -> web.Response:
    """Register a visitor."""
    return web.json_response(await sign_up_async(request))


async def talk(request: web.Request) -> web.WebSocketResponse:
    """Register a visitor over a websocket."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_json(await sign_up_async(request))
    await socket.close()
    return socket


async def stream(request: web.Request) -> web.StreamResponse:
    """Write a page in two parts."""
    response = web.StreamResponse(headers={"Content-Type": "text/html", "Vary": "Accept"})
    response.set_cookie("own", "1")
    await response.prepare(request)
    await response.write(b"one ")
    await response.write(b"two")
    return response


async def page(request: web.Request) -> web.Response:
    """Answer with a page."""
    return web.Response(text="<p>", content_type="text/html")


async def data(request: web.Request) -> web.Response:
    """Answer with no page."""
    return web.json_response(None)


async def redirect(request: web.Request) -> web.Response:
    """Send the visitor on, as aiohttp does."""
    raise web.HTTPFound("/page")


async def look(request: web.Request) -> web.Response:
    """Say what is known of the visitor."""
    tracking = get_tracking(request)
    return web.json_response([tracking.tid, tracking.ref_id, tracking.ip])


def make_app() -> web.Application:
    """An application with views of each kind."""
    app = web.Application()
    app.router.add_post("/signup", view)
    for handler in (talk, stream, page, data, redirect, look):
        app.router.add_get(f"/{handler.__name__}", handler)
    return app


@asynccontextmanager
async def serve(app: web.Application) -> AsyncIterator[TestClient[Any, Any]]:
    """Serve an application on a socket."""
    async with TestClient(TestServer(app)) as client:
        yield client


async def exchange(app: web.Application, lines: bytes) -> Any:
    """Send the header lines of a request as they are, and return the answer's JSON."""
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"GET /look HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n" + lines)
        writer.write(b"\r\n\r\n")
        answer = await reader.read()
        writer.close()
    return json.loads(answer.rpartition(b"\r\n\r\n")[2])


async def test_a_handler_signs_up(account: Account) -> None:
    """A referred visitor, then an organic one."""
    app = make_app()
    assert init_app(app, account.fprom) is app[APP_KEY] is account.fprom
    async with serve(app) as client:
        account.check(await (await client.post("/signup", headers=HEADERS)).json())
        answer = await client.post("/signup", headers=ORGANIC)
        assert await answer.json() == NOBODY
    assert len(account.leads) == 1


async def test_a_websocket_signs_up(account: Account) -> None:
    """Its handshake is a request; nothing of it is kept in a cookie."""
    own, app = account.of(keep_days=30), make_app()
    init_app(app, own.fprom)
    async with serve(app) as client, client.ws_connect("/talk", headers=HEADERS | PAGE) as socket:
        answer = await socket.receive_json()
        assert answer["tid"] == EXPECTED["tid"]
        assert answer["status"] == "sent"
    assert len(own.leads) == 1


COOKIES = {
    "two lines": (b"Cookie: a=1\r\ncookie: _fprom_tid=t; _fprom_ref=anna", "t", "anna"),
    "a malformed neighbour": (b"Cookie: broken@name=1; _fprom_tid=t", "t", None),
    "quotes": (rb'Cookie: _fprom_tid="t\"u"', 't"u', None),
    "bytes that are no UTF-8": (b"Cookie: _fprom_tid=\xe9", "\xe9", None),
    "UTF-8, which stays bytes": ("Cookie: _fprom_tid=é".encode(), "Ã©", None),
    "what the script writes for nothing": (b"Cookie: _fprom_tid=undefined", None, None),
    "the legacy names": (b"COOKIE: _fprom_code=_r_anna; _fprom_track=t", "t", "anna"),
}


@pytest.mark.parametrize(("lines", "tid", "ref"), COOKIES.values(), ids=COOKIES)
async def test_cookies_are_read_raw(
    account: Account, lines: bytes, tid: str | None, ref: str | None
) -> None:
    """By the policies of the other protocols, not by `request.cookies`."""
    app = make_app()
    init_app(app, account.fprom)
    assert (await exchange(app, lines))[:2] == [tid, ref]


async def test_the_peer_is_the_transport_s(account: Account) -> None:
    """Whatever another middleware makes the request say."""
    own, app = account.of(trusted_proxies="203.0.113.0/24", send_ip="any"), make_app()
    init_app(app, own.fprom)

    @web.middleware
    async def pretend(request: web.Request, handler: Any) -> Any:
        return await handler(request.clone(remote="203.0.113.9"))

    app.middlewares.insert(0, pretend)
    assert await exchange(app, b"X-Forwarded-For: 6.6.6.6") == [None, None, "127.0.0.1"]


async def test_over_a_unix_socket_the_proxy_is_believed(account: Account, tmp_path: Path) -> None:
    """It has no address, and nobody but the proxy has the file."""
    own, app = account.of(trusted_proxies="internal"), make_app()
    init_app(app, own.fprom)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "aiohttp.sock")
    await web.UnixSite(runner, path).start()
    async with TestClient(TestServer(app), connector=UnixConnector(path)) as client:
        answer = await client.session.get("http://shop.example/look", headers=HEADERS)
        assert await answer.json() == ["tid-of-the-visitor", None, "203.0.113.77"]
    await runner.cleanup()


@pytest.mark.parametrize("path", ["/page", "/stream", "/redirect"])
async def test_a_page_sets_the_keep_cookie(account: Account, path: str) -> None:
    """Also one whose head is gone before its end is known, and one that is raised."""
    own, app = account.of(keep_days=30), make_app()
    init_app(app, own.fprom)
    async with serve(app) as client:
        answer = await client.get(path, headers=PAGE, allow_redirects=False)
        (kept,) = [c for c in answer.headers.getall("Set-Cookie") if c.startswith("fprom_keep=")]
        assert "HttpOnly" in kept
        assert answer.headers["Cache-Control"] == "private"
        assert "Cookie" in answer.headers.getall("Vary")
        assert path != "/stream" or (await answer.text(), len(answer.cookies)) == ("one two", 2)
        kept = kept.partition(";")[0]
        answer = await client.get("/look", headers={"Cookie": kept})
        assert (await answer.json())[0] == "tid-of-the-visitor"
        answer = await client.get(path, headers={"Accept": "text/html", "Cookie": kept})
        assert "fprom_keep" not in str(answer.headers)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/data", PAGE), ("/nowhere", PAGE), ("/page", PAGE | {"Sec-GPC": "1"}), ("/page", {})],
)
async def test_nothing_else_sets_it(account: Account, path: str, headers: dict[str, str]) -> None:
    """No data, no error, no visitor who objects, none without a click."""
    own, app = account.of(keep_days=30), make_app()
    init_app(app, own.fprom)
    async with serve(app) as client:
        answer = await client.get(path, headers=headers)
    assert not {"Set-Cookie", "Vary", "Cache-Control"} & set(answer.headers)


async def test_a_link_is_kept(account: Account) -> None:
    """The query string is read as it was sent."""
    own, app = account.of(link_params="fpr"), make_app()
    init_app(app, own.fprom)
    async with serve(app) as client:
        answer = await client.get("/look?a=%20&fpr=an%2Dna")
        assert (await answer.json())[1] == "an-na"


async def test_the_consent_hook_is_handed_a_scope(account: Account) -> None:
    """For the view's call, and for the cookie."""
    seen: list[tuple[str, str]] = []

    def consent(scope: Any) -> bool:
        seen.append((scope["type"], scope["path"]))
        return dict(scope["headers"]).get(b"x-agrees") == b"yes"

    own, app = account.of(consent=consent, keep_days=30), make_app()
    init_app(app, own.fprom)
    async with serve(app) as client:
        answer = await client.post("/signup", headers=HEADERS)
        assert (await answer.json())["reason"] == "no_consent"
        answer = await client.post("/signup", headers={**HEADERS, "X-Agrees": "yes"})
        assert (await answer.json())["status"] == "sent"
        answer = await client.get("/page", headers=PAGE)
        assert "Set-Cookie" not in answer.headers
    assert seen == [("http", "/signup"), ("http", "/signup"), ("http", "/page")]


async def test_the_app_s_own_middlewares_find_the_context(account: Account) -> None:
    """Also one that was there before, and one that hands on a copy of the request."""
    seen: list[str | None] = []

    @web.middleware
    async def own(request: web.Request, handler: Any) -> Any:
        seen.append(get_tracking(request).tid)
        return await handler(request.clone())

    app = make_app()
    app.middlewares.append(own)
    init_app(app, account.fprom)
    async with serve(app) as client:
        account.check(await (await client.post("/signup", headers=HEADERS)).json())
    assert seen == ["tid-of-the-visitor"]


async def test_of_two_apps_the_inner_one_has_its_own_account(account: Account) -> None:
    """A sub-application signs up to its own account, and each sets its own cookie."""
    outer, inner = account.of(keep_days=30), account.of(keep_days=30, keep_name="inner")
    app, shop = make_app(), make_app()
    init_app(shop, inner.fprom)
    init_app(app, outer.fprom)
    app.add_subapp("/shop", shop)
    async with serve(app) as client:
        await client.post("/shop/signup", headers=HEADERS)
        assert (len(inner.leads), len(outer.leads)) == (1, 0)
        await client.post("/signup", headers=HEADERS)
        assert (len(inner.leads), len(outer.leads)) == (1, 1)
        answer = await client.get("/shop/page", headers=PAGE)
        assert set(answer.cookies) == {"fprom_keep", "inner"}
        assert answer.headers.getall("Vary") == ["Cookie"]


async def test_the_account_ends_with_the_application(tmp_path: Path) -> None:
    """The drain's thread runs from the first request to the cleanup."""
    app = make_app()
    settings = make_settings(f"sqlite:///{tmp_path / 'outbox.db'}", worker="thread")
    fprom = init_app(app, settings)
    needs_start = [fprom.needs_start]
    async with serve(app) as client:
        await client.get("/look")
        needs_start.append(fprom.needs_start)
    needs_start.append(fprom.needs_start)
    assert needs_start == [True, False, True]


async def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing handed in: the process environment."""
    for key, value in (CREDENTIALS | {"FPROM_DELIVERY": "inline"}).items():
        monkeypatch.setenv(key, value)
    assert init_app(web.Application()).settings.account_id == CREDENTIALS["FPROM_ACCOUNT_ID"]


async def test_a_wrong_setting_fails_at_start() -> None:
    """The error names the key, and the application is left as it was."""
    app = web.Application()
    with pytest.raises(FpromConfigError, match="FPROM_TIMEOUT"):
        init_app(app, CREDENTIALS | {"FPROM_TIMEOUT": "0"})
    assert list(app.middlewares) == []
    assert APP_KEY not in app


async def test_a_second_call_is_refused(account: Account) -> None:
    """Two middlewares of one application would be a mistake; the first stays."""
    app = make_app()
    init_app(app, account.fprom)
    with pytest.raises(FpromConfigError, match="once"):
        init_app(app, account.fprom)
    async with serve(app) as client:
        account.check(await (await client.post("/signup", headers=HEADERS)).json())


async def test_an_application_that_has_started_is_refused(account: Account) -> None:
    """Aiohttp itself takes no middleware then; nothing is left behind."""
    app = make_app()
    async with serve(app):
        with pytest.raises(RuntimeError, match="frozen"):
            init_app(app, account.fprom)
    assert APP_KEY not in app


async def test_without_init_app_the_error_shows_the_lines() -> None:
    """Those of aiohttp."""
    seen: list[str] = []

    async def ask(request: web.Request) -> web.Response:
        with pytest.raises(FpromNotInstalled) as caught:
            fprom_middleware.get_tracking(request)
        seen.append(str(caught.value))
        return web.Response()

    app = web.Application()
    app.router.add_get("/", ask)
    async with serve(app) as client:
        await client.get("/")
    assert "from fprom_middleware.aiohttp import init_app" in seen[0]


async def test_a_key_of_a_request_is_aiohttp_s_own() -> None:
    """Where it has such keys, it warns of others; before 3.14 it had none."""
    assert isinstance(request_key("one"), getattr(web, "RequestKey", object))
    assert request_key("one") != request_key("one")
