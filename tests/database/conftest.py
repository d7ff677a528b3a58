"""Each kind of database in turn."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite_url", "postgresql_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """Each kind of database, empty."""
    url: str = request.getfixturevalue(request.param)
    return url
