"""docs/testing.md and docs/payments.md: each test runs as it is written, and sends nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.testing import FpromMock
from tests.documents.recipes.documents import DOCS, block
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
FASTAPI = """
from fastapi import FastAPI, Request
from fprom_middleware.fastapi import init_app, track_signup_async

app = FastAPI()
init_app(app)

@app.post("/register")
async def register(request: Request):
    assert (await track_signup_async(request, (await request.json())["email"])).durable
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
        ("shop.py", FLASK, "testing.md", "test_flask.py"),
        ("api.py", FASTAPI, "testing.md", "test_fastapi.py"),
        ("shop.py", FLASK, "testing.md", "test_outcome.py"),
        ("shop.py", SHOP, "payments.md", "test_webhook.py"),
    ],
)
def test_a_view_is_tested_with_pytest(
    app: str, code: str, document: str, test: str, tmp_path: Path
) -> None:
    """The event is seen, nothing is warned about, and no outbox is made."""
    (tmp_path / app).write_text(code)
    (tmp_path / "conftest.py").write_text(block("testing.md", "python", "# conftest.py"))
    (tmp_path / test).write_text(block(document, "python", f"# {test}"))

    answer = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", test)

    assert "1 passed" in answer
    assert not list(tmp_path.rglob("*.db"))


def test_a_view_is_tested_with_django(tmp_path: Path) -> None:
    """Also one that hands in the lead within its own transaction."""
    (tmp_path / "settings.py").write_text(DJANGO)
    (tmp_path / "urls.py").write_text(URLS)
    (tmp_path / "tests.py").write_text(block("testing.md", "python", "# tests.py"))

    answer = run(tmp_path, "django", "test", DJANGO_SETTINGS_MODULE="settings", **CREDENTIALS)

    assert "Ran 1 test" in answer
    assert "OK" in answer
    assert "FPROM_DELIVERY" not in answer
    assert not list(tmp_path.rglob("*.db"))


def test_a_suite_can_use_it_in_every_test(tmp_path: Path) -> None:
    """The lines of the page are pytest's."""
    (tmp_path / "pyproject.toml").write_text(block("testing.md", "toml"))
    (tmp_path / "test_it.py").write_text(
        "def test_it(request): assert 'fprom' in request.fixturenames"
    )

    assert "1 passed" in run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")


def test_the_page_names_every_verb() -> None:
    """And none that there is not."""
    table = DOCS.joinpath("testing.md").read_text(encoding="utf-8").partition("| verb |")[2]
    cells = "".join(re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE))
    told = set(re.findall(r"`(\w+)", cells))

    assert told == {name for name in vars(FpromMock) if not name.startswith("_")}


def test_the_setting_is_one_that_is_known() -> None:
    """The line of the page is the one that the examples use."""
    assert block("testing.md", "ini") == "FPROM_DELIVERY=memory\n"
