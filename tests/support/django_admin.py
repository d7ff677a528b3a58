"""A Django project with its admin: people in a database of its own, and the outbox anywhere."""

from __future__ import annotations

import atexit
import shutil
import threading
import time
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.apps import apps
from django.core.checks.registry import registry

from fprom_middleware import Fprom, TrackingContext
from tests.support.accounts import make_settings
from tests.support.api import Api
from tests.support.django import APP, MIDDLEWARE, django_database, django_settings, file_url
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.browser.chromium import Page

SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        APP,
    ],
    "MIDDLEWARE": [
        MIDDLEWARE,
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
    "ROOT_URLCONF": "tests.support.django_admin_urls",
    "STATIC_URL": "/static/",
    "TIME_ZONE": "UTC",
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    "USE_TZ": True,
}


class Quiet(WSGIRequestHandler):
    """Writes no access log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def admin_project(folder: Path, **more: Any) -> Iterator[None]:
    """Set Django up with its admin, and with people in a database of its own."""
    shutil.copy(_template(), folder / "shop.db")
    with (
        _apps_installed(**more),
        # As projects have it: what a page does is in one transaction.
        django_database(file_url(folder), alias="default", ATOMIC_REQUESTS=True),
    ):
        yield


@contextmanager
def _apps_installed(**more: Any) -> Iterator[None]:
    """Install Django's own apps, and take back the checks that they leave to the process."""
    before = set(registry.registered_checks)
    try:
        with django_settings(**SETTINGS, **more):
            yield
    finally:
        registry.registered_checks = before


@cache
def _template() -> Path:
    """Make the project's database once a process: `migrate` takes its time."""
    from django.core.management import call_command  # noqa: PLC0415 - needs the settings

    folder = Path(mkdtemp())
    atexit.register(shutil.rmtree, folder)
    with _apps_installed(), django_database(file_url(folder), alias="default"):
        call_command("migrate", verbosity=0)
    return folder / "shop.db"


@contextmanager
def serve_project() -> Iterator[str]:
    """Serve the project with the admin's own files; yield its address."""
    from django.contrib.staticfiles.handlers import (  # noqa: PLC0415 - needs the settings
        StaticFilesHandler,
    )
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415 - as above

    app = StaticFilesHandler(WSGIHandler())
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/admin/"
        finally:
            server.shutdown()
            thread.join(PATIENCE)


def log_in(page: Page, base: str) -> None:
    """Make a person who may do everything, and log in as people do."""
    apps.get_model("auth", "User").objects.create_superuser("ann", password="of-ann")
    page.open(f"{base}login/")
    page.type("id_username", "ann")
    page.type("id_password", "of-ann")
    page.run("document.querySelector('input[type=submit]').click()")
    page.wait_for("location.pathname === '/admin/' && document.getElementById('user-tools')")


def fill_outbox(url: str) -> None:
    """Let a day of a shop go by: two events were sent, three rejected, six wait."""
    ago, api = [0.0], Api()
    fprom = Fprom(make_settings(url), clock=lambda: time.time() - ago[0], client=api.client)
    visitor = TrackingContext(tid="11111111-2222-4333-8444-555555555555", ip="203.0.113.7")

    def drain_at(seconds_ago: float, status: int) -> None:
        ago[0], api.says = seconds_ago, status
        fprom.drain()

    ago[0] = 93_000.0
    fprom.track_signup(visitor, "kim@example.com", uid="customer-kim")
    drain_at(93_000.0, 400)
    ago[0] = 80_000.0
    fprom.track_signup(visitor, "eva@example.com", uid="customer-eva")
    fprom.track_sale(email="udo@example.com", event_id="in_1041", amount=2900, currency="EUR")
    drain_at(80_000.0, 200)
    ago[0] = 8_000.0
    fprom.track_signup(visitor, "lou@a-department.of-a-large.example.com")
    for seconds_ago in (8_000.0, 7_900.0, 7_800.0, 7_000.0, 6_000.0):
        drain_at(seconds_ago, 404)
    ago[0] = 5_000.0
    fprom.track_sale(email="mika@example.com", event_id="in_1042", amount=4900, currency="EUR")
    drain_at(5_000.0, 400)
    ago[0] = 500.0
    fprom.track_signup(visitor, "noa@example.com", uid="customer-noa")
    fprom.track_sale(uid="customer-noa", event_id="in_1043", amount=1900, currency="EUR")
    fprom.track_refund(email="lea@example.com", event_id="re_17", amount=900)
    fprom.track_cancellation(uid="customer-of-years")
    drain_at(90.0, 401)
    fprom.track_signup(visitor, "ole@example.com")
    fprom.track_signup(visitor, "pia@example.com")
    fprom.close()
    api.client.close()
