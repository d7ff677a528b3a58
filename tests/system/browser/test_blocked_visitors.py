"""The vendor's hosts are blocked: without FPROM_SCRIPT_PROXY no tid, with it the lead has one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from examples.journey import cast
from examples.journey.servers import Server, Servers
from examples.journey.watch import Watch
from tests.support.waiting import PATIENCE, becomes
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EMAIL = "berta@example.com"
PROXY = {"FPROM_SCRIPT_PROXY": "/partners"}
DJANGO = '''
import os
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.template import engines
from django.urls import path
from fprom_middleware import track_signup

found = {key: value for key, value in os.environ.items() if key.startswith("FPROM_")}
settings.configure(
    ALLOWED_HOSTS=["*"], SECRET_KEY="of-this-test", ROOT_URLCONF=__name__, BASE_DIR=os.getcwd(),
    INSTALLED_APPS=["fprom_middleware.django"],
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware",
                "fprom_middleware.django.FpromMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    **found,
)
PAGE = """{% load fprom %}<!doctype html><head>{% fprom_script %}</head>
<form method="post" action="/register">{% csrf_token %}
<input id="email" name="email"><input id="password"><button>Register</button></form>"""


def form(request):
    return HttpResponse(engines["django"].from_string(PAGE).render(request=request))


def register(request):
    if request.method == "GET":
        return form(request)
    receipt = track_signup(request, request.POST["email"])
    return HttpResponse(f"<p>Welcome, {receipt.status}</p>")


urlpatterns = [path("", form), path("register", register)]
wsgi, asgi = get_wsgi_application(), get_asgi_application()
'''


def start_django(
    servers: Servers, folder: Path, sandbox: str, *, more: Mapping[str, str], by: str
) -> Server:
    """Start a small Django project under a WSGI or an ASGI server."""
    (folder / "project.py").write_text(DJANGO)
    command = {
        "wsgi": ["gunicorn", "--bind=127.0.0.1:0", "--worker-class=gthread", "--threads=4"],
        "asgi": ["uvicorn", "--host=127.0.0.1", "--port=0", "--lifespan=off"],
    }[by]
    environment = cast.shop_environment(folder, sandbox, "0") | dict(more)
    command = [sys.executable, "-m", *command, f"project:{by}"]
    environment["PYTHONPATH"] = str(folder)
    return servers.start(f"django-{by}", command, environment, folder)


def start(
    name: str, servers: Servers, folder: Path, sandbox: str, more: Mapping[str, str]
) -> Server:
    """Start a shop, and wait for it."""
    if name.startswith("django"):
        shop = start_django(servers, folder, sandbox, more=more, by=name.partition(" ")[2])
    else:
        shop = cast.SHOPS[name](servers, folder, sandbox, trusted_proxies="0", more=more)
    shop.wait_until_ready(Watch())
    return shop


def state(sandbox: str) -> Any:
    """Return what the vendor has seen."""
    return httpx.get(f"{sandbox}/state.json", trust_env=False, timeout=PATIENCE).json()


@pytest.mark.parametrize("name", ["flask", "starlette", "django wsgi", "django asgi"])
def test_a_blocked_tracker(name: str, tmp_path: Path) -> None:
    """The vendor's host is blocked in both; the second shop has it through its own address."""
    with Servers() as servers:
        sandbox = cast.start_sandbox(servers, tmp_path)
        sandbox.wait_until_ready(Watch())
        with drive(tmp_path / "profile") as page:
            page.block(f"*127.0.0.1:{urlsplit(sandbox.url).port}*")
            for folder, more in ((tmp_path / "without", {}), (tmp_path / "with", PROXY)):
                folder.mkdir()
                shop = start(name, servers, folder, sandbox.url, more)
                page.open(f"{shop.url}/?fpr=anna")
                if more:
                    page.wait_for("document.cookie.includes('_fprom_ref=anna')")
                else:
                    # The page has ended with the script that it could not have.
                    page.wait_for("document.readyState === 'complete' && window.fpr.q.length")
                    assert page.run("document.cookie").count("_fprom_") == 0
                    assert state(sandbox.url)["clicks"] == []
                page.open(f"{shop.url}/register")
                page.type("email", EMAIL)
                page.type("password", "correct horse")
                page.press("Register")
                page.wait_for("document.body.innerText.includes('elcome')")
                if not more:
                    assert state(sandbox.url)["leads"] == []

        def leads() -> list[tuple[str, str]]:
            return [(lead["email"], lead["promoter"]) for lead in state(sandbox.url)["leads"]]

        assert becomes(leads, [(EMAIL, "anna")])
        found = state(sandbox.url)
        (click,) = found["clicks"]
        assert found["leads"][0]["tid"] == click["tid"]
        assert click["ip"] == "127.0.0.1"
