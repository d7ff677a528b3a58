"""The README: its examples run as they stand there, and its table lists what there is."""

from __future__ import annotations

import os
import re
import unittest
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import sqlalchemy as sa
from django.apps import AppConfig
from django.http import HttpResponse
from django.test import SimpleTestCase
from django.urls import path
from django.utils.module_loading import import_string
from fastapi import FastAPI
from starlette.testclient import TestClient

from fprom_middleware import Fprom, FpromSettings, get_tracking
from fprom_middleware.events.payments import DOUBLE_COMMISSION
from fprom_middleware.fastapi import init_app as init_fastapi
from fprom_middleware.snippet import fprom_script
from fprom_middleware.testing import FpromTestMixin
from fprom_middleware.wsgi import FpromMiddleware
from tests.support.accounts import CREDENTIALS, make_settings
from tests.support.django import django_settings
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.api import Api, LoopbackApi
    from tests.support.clock import Clock


ROOT = Path(__file__).resolve().parents[2]

README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
IP = "203.0.113.77"
EMAIL = "visitor@example.com"
HEADERS = {"Cookie": f"_fprom_tid={TID}", "X-Forwarded-For": f"6.6.6.6, {IP}"}
NOTHING = {"required while enabled", "unset", "this host", "off"}
"""How the table says that a key has no value by default."""


def block(first_line: str) -> str:
    """Return the Python block that begins so."""
    found = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (one,) = (code for code in found if code.startswith(first_line))
    return str(one)


def run(first_line: str, **names: Any) -> dict[str, Any]:
    """Run a block as a module of its own."""
    names = {"__name__": "readme", **names}
    exec(compile(block(first_line), "README.md", "exec"), names)  # noqa: S102 - that is the point
    return names


@pytest.fixture
def loopback(loopback: LoopbackApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoopbackApi:
    """FirstPromoter where the defaults would reach the real one."""
    monkeypatch.chdir(tmp_path)
    defaults = FpromSettings.__init__.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "base_url", loopback.url)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    return loopback


def check(loopback: LoopbackApi, ip: str) -> None:
    """Wait for the one lead."""
    assert eventually(lambda: loopback.leads)
    (lead,) = loopback.leads
    assert (lead["email"], lead["tid"], lead["ip"]) == (EMAIL, TID, ip)


def test_flask(loopback: LoopbackApi, tmp_path: Path) -> None:
    """A referred sign-up arrives with the visitor's own address; the view says welcome."""
    app = run("import os")["app"]
    try:
        proxied = {"REMOTE_ADDR": "10.0.0.5"}
        client = app.test_client(use_cookies=False)
        answer = client.post(
            "/register", data={"email": EMAIL}, headers=HEADERS, environ_base=proxied
        )
        assert answer.text == "Welcome!"
        check(loopback, IP)
    finally:
        app.extensions["fprom"].close()
    assert (tmp_path / "instance" / ".fprom" / "outbox.db").exists()


def test_starlette(loopback: LoopbackApi, tmp_path: Path) -> None:
    """The same by the settings of the environment, which trust nobody."""
    app = run("from fprom_middleware.starlette")["app"]
    try:
        client = TestClient(app, client=(IP, 4711), headers={"Cookie": HEADERS["Cookie"]})
        assert client.post("/register", data={"email": EMAIL}).text == "Welcome!"
        check(loopback, IP)
    finally:
        app.state.fprom.close()
    assert (tmp_path / ".fprom" / "outbox.db").exists()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of an app whose credentials are in its environment."""
    monkeypatch.chdir(tmp_path)
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    return tmp_path


A_TEST = "test_a_referred_sign_up_is_a_lead"


def test_a_reader_s_test_of_the_flask_app(fprom: FpromMock, outside: Path) -> None:
    """Its five lines pass against the README's own app, and fail for an organic visitor."""
    app = run("import os")["app"]
    run("# Flask", app=app)[A_TEST](fprom)
    assert list(outside.rglob("*.db")) == []

    app.test_client().post("/register", data={"email": EMAIL})
    with pytest.raises(AssertionError, match="1 sign-up was skipped, organic"):
        fprom.assert_lead(email=EMAIL)


@pytest.mark.usefixtures("outside")
def test_a_reader_s_test_of_the_fastapi_app(fprom: FpromMock) -> None:
    """Its view is Starlette's."""
    register = run("from fprom_middleware.starlette")["register"]
    app = FastAPI()
    app.add_route("/register", register, methods=["POST"])
    init_fastapi(app)
    run("# FastAPI", app=app, TestClient=TestClient)[A_TEST](fprom)


urlpatterns = [path("register/", run("# views.py", HttpResponse=HttpResponse)["register"])]


def test_django_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sound, and name the app and the middleware as Django finds them."""
    for key, value in CREDENTIALS.items():
        monkeypatch.setenv(key, value)
    names: dict[str, Any] = {"os": os, "INSTALLED_APPS": [], "MIDDLEWARE": []}
    module = run("# settings.py", **names)
    given = {key: value for key, value in module.items() if key.startswith("FPROM_")}

    assert FpromSettings.from_mapping(given).outbox_url == "django:default"
    assert AppConfig.create(*module["INSTALLED_APPS"]).label == "fprom"
    assert import_string(*module["MIDDLEWARE"]).async_capable


def test_a_reader_s_test_of_the_django_app() -> None:
    """By unittest, as Django runs it."""
    names = {"TestCase": SimpleTestCase, "FpromTestMixin": FpromTestMixin}
    with django_settings(ROOT_URLCONF=__name__):
        run("# Django", **names)["RegisterTest"](A_TEST)(result := unittest.TestResult())
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])


@pytest.mark.usefixtures("loopback")
def test_anything_else() -> None:
    """Any WSGI app gets a context."""
    environ: dict[str, Any] = {"HTTP_COOKIE": HEADERS["Cookie"], "REMOTE_ADDR": IP}
    app = run("from fprom_middleware.wsgi", app=lambda *_: [])["app"]
    try:
        app(environ, print)
    finally:
        app.fprom.close()
    assert get_tracking(environ).tid == TID


def test_sales(tmp_path: Path, clock: Clock, api: Api) -> None:
    """A webhook's charge is a sale, in the transaction of its own row."""
    settings = make_settings(f"sqlite:///{tmp_path}/shop.db")
    fprom = Fprom(settings, clock=clock, client=api.client)
    environ: dict[str, Any] = {"REMOTE_ADDR": IP}
    FpromMiddleware(lambda *_: [], fprom)(environ, cast("Any", print))
    on_charge = run("from fprom_middleware import track_sale")["on_charge"]
    engine = sa.create_engine(settings.outbox_url)
    try:
        with engine.begin() as connection:
            charge = SimpleNamespace(email=EMAIL, id="ch_1")
            assert on_charge(environ, charge, connection).durable
        assert fprom.drain()["sent"] == 1
    finally:
        engine.dispose()
        fprom.close()
    assert api.leads == [{"email": EMAIL, "event_id": "ch_1", "amount": 1290, "currency": "EUR"}]


def test_the_double_commission_stands_before_the_code() -> None:
    """Whoever looks for sales reads it first, with every provider that it is about."""
    (section,) = re.findall(r"^## Sales\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    (named,) = re.findall(r"\(Stripe.*?\)", DOUBLE_COMMISSION)
    warning = section.partition("```")[0]

    assert named in warning.replace("\n", " ")
    assert "credited twice" in warning


def rows() -> dict[str, str]:
    """Return the default of each key, as the table of settings tells it."""
    found = {}
    for keys, default in re.findall(r"^\| (`FPROM_.*?`) \| (.*?) \|", README, re.MULTILINE):
        found.update(dict.fromkeys(re.findall(r"`(\w+)`", keys), default))
    return found


def test_the_table_lists_every_setting() -> None:
    """Each key of FpromSettings, and nothing else, in the order of its arguments."""
    assert list(rows()) == [f"FPROM_{name.upper()}" for name in FpromSettings.__dataclass_fields__]


@pytest.mark.parametrize("key", rows())
def test_the_table_tells_the_defaults(key: str) -> None:
    """What stands there is what an app gets that says nothing."""
    told = rows()[key]
    name = key.removeprefix("FPROM_").lower()
    actual = (FpromSettings.__init__.__kwdefaults__ or {})[name]
    if in_code := re.match(r"`(.*?)`", told):
        assert in_code[1] == as_text(actual)
    else:
        assert told in NOTHING
        assert actual is None or actual == ()


def as_text(value: object) -> str:
    """Write a default as an environment would."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_links_lead_somewhere() -> None:
    """Whatever the README points at inside this repository is there."""
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    targets = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert targets
    assert [target for target in targets if not ROOT.joinpath(target).exists()] == []


def test_the_script_in_plain_html() -> None:
    """What a page without a template has is what a template writes."""
    (block,) = re.findall(r"```html\n(.*?)```", README, re.DOTALL)
    settings = FpromSettings(api_key="key", account_id="YOUR-ACCOUNT-ID")

    assert block.replace("\n", "") == fprom_script(settings)
