"""visit(): the vendor's cookies in the jar of each framework's test client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import httpx2
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient as AiohttpClient
from aiohttp.test_utils import TestServer
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.urls import path
from fastapi.testclient import TestClient as FastapiClient
from litestar.testing import AsyncTestClient
from litestar.testing import TestClient as LitestarClient
from quart import Quart
from starlette.testclient import TestClient
from werkzeug.test import Client as WerkzeugClient

from fprom_middleware import get_tracking, track_signup, track_signup_async
from fprom_middleware.aiohttp import init_app as init_aiohttp
from fprom_middleware.testing.clients import escape, set_visitor
from tests.support.django import django_settings
from tests.support.programs import run_program
from tests.testing.accounts import NOBODY, make_fprom
from tests.testing.apps import (
    EMAIL,
    fastapi_app,
    flask_app,
    litestar_app,
    said,
    starlette_app,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fprom_middleware.testing import FpromMock


def django_register(request: HttpRequest) -> HttpResponse:
    """Register somebody."""
    return HttpResponse(said(track_signup(request, EMAIL)))


urlpatterns = [path("register/", django_register)]


@pytest.fixture(autouse=True)
def django(tmp_path: Path) -> Iterator[None]:
    """Django's shop, whose outbox is a file."""
    more = {"FPROM_OUTBOX_URL": f"sqlite:///{tmp_path}/outbox.db", "FPROM_BASE_URL": NOBODY}
    with django_settings(ROOT_URLCONF=__name__, **more):
        yield


def flask_at_another_host() -> Any:
    """A Flask app that knows its own name."""
    app = flask_app(make_fprom())
    app.config["SERVER_NAME"] = "shop.example:8000"
    return app.test_client()


CLIENTS: dict[str, Callable[[], Any]] = {
    "Flask": lambda: flask_app(make_fprom()).test_client(),
    "Flask with SERVER_NAME": flask_at_another_host,
    "Werkzeug": lambda: WerkzeugClient(flask_app(make_fprom())),
    "Starlette": lambda: TestClient(starlette_app(make_fprom())),
    "FastAPI": lambda: FastapiClient(fastapi_app(make_fprom()), base_url="https://shop.example"),
    "Litestar": lambda: LitestarClient(litestar_app(make_fprom())),
    "Django": Client,
    "httpx": lambda: httpx.Client(
        transport=httpx.WSGITransport(flask_app(make_fprom())), base_url="http://shop.example"
    ),
    "httpx2": lambda: httpx2.Client(
        transport=httpx2.WSGITransport(flask_app(make_fprom())), base_url="http://testserver"
    ),
}
ASYNC_CLIENTS: dict[str, Callable[[], Any]] = {
    "Django": AsyncClient,
    "Litestar": lambda: AsyncTestClient(litestar_app(make_fprom())),
    "httpx": lambda: httpx.AsyncClient(
        transport=httpx.ASGITransport(starlette_app(make_fprom())), base_url="http://shop.example"
    ),
}


def text_of(answer: Any) -> str:
    """What a view has said."""
    return str(answer.content.decode() if hasattr(answer, "content") else answer.text)


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
def test_a_visit_makes_a_test_client_s_visitor_a_referred_one(
    make: Callable[[], Any], fprom: FpromMock
) -> None:
    """Before it a sign-up is organic; the last one counts."""
    client = make()
    assert "skipped" in text_of(client.post("/register/"))
    fprom.assert_no_events()

    tid = fprom.visit(client)
    assert "queued, True" in text_of(client.post("/register/"))
    assert fprom.assert_lead(email=EMAIL, tid=tid) is fprom.leads[0]

    later = fprom.visit(client, ref="ben")
    client.post("/register/")
    assert [lead.tid for lead in fprom.leads] == [tid, later]
    assert tid != later


@pytest.mark.parametrize("make", ASYNC_CLIENTS.values(), ids=ASYNC_CLIENTS)
def test_an_async_client_s_visitor_likewise(make: Callable[[], Any], fprom: FpromMock) -> None:
    """A cookie jar is set without waiting."""

    async def register() -> str:
        client = make()
        fprom.visit(client, tid="tid-of-the-test")
        if hasattr(client, "__aenter__"):
            async with client:
                return text_of(await client.post("/register/"))
        return text_of(await client.post("/register/"))

    assert "queued, True" in anyio.run(register)
    fprom.assert_lead(tid="tid-of-the-test")


@pytest.mark.parametrize("of_the_session", [False, True], ids=["client", "session"])
def test_aiohttp_s_visitor_likewise(of_the_session: bool, fprom: FpromMock) -> None:
    """Its jar quotes what other jars do not, and is read as a browser's is."""
    account = make_fprom()

    async def register() -> None:
        async def view(request: web.Request) -> web.Response:
            receipt = await track_signup_async(request, EMAIL)
            return web.Response(text=receipt.status)

        app = web.Application()
        app.router.add_post("/register/", view)
        init_aiohttp(app, account)
        client: AiohttpClient[Any, Any] = AiohttpClient(TestServer(app))
        async with client:
            assert await (await client.post("/register/")).text() == "skipped"
            visitor = client.session if of_the_session else client
            fprom.visit(visitor, ref="a@b/c", tid="tid-of-the-test")
            assert await (await client.post("/register/")).text() == "queued"

    anyio.run(register)
    fprom.assert_lead(tid="tid-of-the-test", email=EMAIL)


def test_a_flask_app_s_visitor_is_known_at_its_subdomains(fprom: FpromMock) -> None:
    """As the vendor's cookies are, which are those of the root domain."""
    client = flask_at_another_host()
    tid = fprom.visit(client)
    client.post("/register/", base_url="http://anna.shop.example:8000")
    fprom.assert_lead(tid=tid)


REFS = {
    "anna": "anna",
    "anna-7_b.c@d*e/f+g": "anna-7_b.c@d*e/f+g",
    "a b;c,d=e": "a%20b%3Bc%2Cd%3De",
    "\u00e9\u0142\U0001f600": "%E9%u0142%uD83D%uDE00",
    '"%\\': "%22%25%5C",
}


@pytest.mark.parametrize(("ref", "written"), REFS.items(), ids=REFS.values())
def test_a_ref_is_written_as_a_browser_s_script_writes_it(ref: str, written: str) -> None:
    """No jar quotes it, and the package reads what it would read of a browser."""
    assert escape(ref) == written
    for make in CLIENTS.values():
        set_visitor(make(), "t", ref)
    client = Client()
    set_visitor(client, "", ref)
    request: Any = client.request().wsgi_request
    assert (get_tracking(request).tid, get_tracking(request).ref_id) == (None, written)


@pytest.mark.parametrize("client", [object(), None, {}, Quart("shop").test_client(), Client])
def test_another_client_is_said_at_once(client: object, fprom: FpromMock) -> None:
    """A visit that sets nothing would make a sign-up organic, and its test a riddle."""
    with pytest.raises(TypeError, match=r"visit\(\) does not know .* _fprom_tid yourself"):
        fprom.visit(client)


def test_no_framework_is_loaded_for_it() -> None:
    """A client is told by its cookie jar."""
    loaded = json.loads(
        run_program(
            "import json, sys; from fprom_middleware.testing import mock_fprom\n"
            "import httpx\nwith mock_fprom() as fprom: fprom.visit(httpx.Client())\n"
            "print(json.dumps(list(sys.modules)))"
        )
    )
    assert {"flask", "werkzeug", "starlette", "django", "litestar", "pytest"} & {*loaded} == set()
    assert "sqlalchemy" not in loaded
