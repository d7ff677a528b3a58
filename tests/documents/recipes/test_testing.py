"""docs/testing.md and docs/payments.md: each test runs as it is written, and sends nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.documents.recipes.documents import block
from tests.support.accounts import CREDENTIALS
from tests.support.programs import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

FLASK = """
import flask
from fprom_middleware.flask import init_app, track_signup

def create_app(config):
    app = flask.Flask(__name__)
    app.config.from_mapping({"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a"} | config)
    init_app(app)

    @app.post("/register")
    def register():
        assert track_signup(flask.request, flask.request.form["email"]).durable
        return ""

    return app
"""
SHOP = """
import hmac
import flask
from fprom_middleware.flask import init_app
from fprom_middleware import track_sale

def sign(body):
    return hmac.new(b"of the provider", body, "sha256").hexdigest()

def create_app(config):
    app = flask.Flask(__name__)
    app.config.from_mapping({"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a"} | config)
    init_app(app)

    @app.post("/webhook")
    def webhook():
        assert flask.request.headers["X-Signature"] == sign(flask.request.data)
        paid = flask.request.get_json(force=True)
        sale = {"event_id": paid["id"], "amount": paid["amount"], "currency": paid["currency"]}
        assert track_sale(flask.request, paid["email"], **sale).durable
        return ""

    return app
"""
STARLETTE = """
from fprom_middleware.starlette import init_app, track_signup_async
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

async def register(request):
    assert (await track_signup_async(request, (await request.json())["email"])).durable
    return Response()

def create_app(fprom):
    app = Starlette(routes=[Route("/register", register, methods=["POST"])])
    init_app(app, fprom)
    return app
"""
DJANGO = """
SECRET_KEY = "k"
FPROM_API_KEY, FPROM_ACCOUNT_ID = "k", "a"
INSTALLED_APPS = ["fprom_middleware.django"]
MIDDLEWARE = ["fprom_middleware.django.FpromMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "urls"
"""
URLS = """
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path
from fprom_middleware import track_signup

def register(request):
    with transaction.atomic():
        assert track_signup(request, request.POST["email"], session=connection).durable
    return HttpResponse()

urlpatterns = [path("register/", register)]
"""


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command in a folder of files, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=clean_environment(PYTHONPATH=str(folder), **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("app", "code", "document", "test"),
    [
        ("shop.py", FLASK, "testing.md", "test_register.py"),
        ("api.py", STARLETTE, "testing.md", "test_api.py"),
        ("shop.py", SHOP, "payments.md", "test_webhook.py"),
    ],
)
def test_a_view_is_tested_with_pytest(
    app: str, code: str, document: str, test: str, tmp_path: Path
) -> None:
    """The event is seen, nothing is warned about, and no outbox is made."""
    (tmp_path / app).write_text(code)
    (tmp_path / test).write_text(block(document, "python", f"# {test}"))

    answer = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", test)

    assert "1 passed" in answer
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize("settings", ["settings", "settings_test"])
def test_a_view_is_tested_with_django(settings: str, tmp_path: Path) -> None:
    """Also one that hands in the lead within its own transaction."""
    (tmp_path / "settings.py").write_text(DJANGO)
    (tmp_path / "settings_test.py").write_text(block("testing.md", "python", "# settings_test.py"))
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "tests.py").write_text(block("testing.md", "python", "# tests.py"))

    answer = run(tmp_path, "django", "test", DJANGO_SETTINGS_MODULE=settings, **CREDENTIALS)

    assert "Ran 1 test" in answer
    assert "OK" in answer
    assert "FPROM_DELIVERY" not in answer
    assert not list(tmp_path.rglob("*.db"))


def test_the_setting_is_one_that_is_known() -> None:
    """The line of the page is the one that the examples use."""
    assert block("testing.md", "ini") == "FPROM_DELIVERY=memory\n"
