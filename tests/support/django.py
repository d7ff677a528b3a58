"""What the Django tests share: settings, databases under names of their own, URLs."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connections
from django.test import override_settings

from tests.support.accounts import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIDDLEWARE = "fprom_middleware.django.FpromMiddleware"
APP = "fprom_middleware.django"


@contextmanager
def django_settings(**more: Any) -> Iterator[None]:
    """Run a block with the app installed; other tests of this process use Django too."""
    if not settings.configured:
        settings.configure(SECRET_KEY="of-these-tests")
    if not django.apps.apps.ready:
        django.setup()
    given: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "INSTALLED_APPS": [APP],
        "MIDDLEWARE": [MIDDLEWARE],
        "ROOT_URLCONF": (),
        **CREDENTIALS,
        "FPROM_WORKER": "none",
    }
    with override_settings(**{**given, **more}):
        yield


@contextmanager
def django_database(url: str, *, alias: str | None = None, **more: Any) -> Iterator[Any]:
    """Yield Django's connection to the database of a URL; its name is its own, or an alias."""
    parts = urlsplit(url)
    given: dict[str, Any]
    if parts.scheme == "sqlite":
        given = {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path[1:]}
    else:
        given = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path[1:],
            "HOST": parts.hostname,
            "PORT": str(parts.port),
            "USER": parts.username,
        }
    alias = alias or f"shop_{uuid.uuid4().hex}"
    before = connections.settings.get(alias)
    if before is not None:
        # The one that stands for a missing "default" may be open already.
        connections[alias].close()
        del connections[alias]
    configured = connections.configure_settings({"default": {}, alias: given | more})[alias]
    connections.settings[alias] = configured
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias]
        if before is None:
            del connections.settings[alias]
        else:
            connections.settings[alias] = before


def file_url(folder: Path) -> str:
    """Name a SQLite file."""
    return f"sqlite:///{folder / 'shop.db'}"
