"""Django set up, and a database of either kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.django import django_database, django_settings, file_url
from tests.support.services import postgresql_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import LoopbackApi


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield file_url(tmp_path)
    else:
        with postgresql_database("django") as one:
            yield one


@pytest.fixture
def connection(url: str, loopback: LoopbackApi) -> Iterator[Any]:
    """Django's connection to it; the settings name it as the outbox's too."""
    with (
        django_settings(FPROM_OUTBOX_URL=url, FPROM_BASE_URL=loopback.url),
        django_database(url) as one,
    ):
        yield one
