"""The database server falls silent while visitors sign up: any driver, one second."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.relay import relay_to, through
from tests.support.services import mariadb_database
from tests.system.faults.scale import pick
from tests.system.faults.servers import Server, fprom_environment
from tests.system.faults.test_database import COMMAND, endure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.faults.double import Double

# The promise is a second. The short form runs beside other tests, on a machine as it is.
SLOWEST = pick(2.5, 1.1)


@pytest.fixture
def mariadb_url() -> Iterator[str]:
    """An outbox on a database of its own of the MariaDB server."""
    with mariadb_database("faults") as url:
        yield url


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "postgresql+psycopg2", "mysql+pymysql"])
def test_silent(
    driver: str, request: pytest.FixtureRequest, tmp_path: Path, double: Double
) -> None:
    """Connections stay open and say nothing: sign-ups are kept in memory, and none is lost."""
    kind = "mariadb_url" if driver.startswith("mysql") else "postgresql_url"
    url: str = request.getfixturevalue(kind)
    with relay_to(url) as relay:

        @contextmanager
        def silent() -> Iterator[None]:
            relay.silence()
            yield
            relay.release()

        environment = fprom_environment(double, through(url, relay, driver))
        with Server(COMMAND, environment, tmp_path / "log") as server:
            endure(f"silent, {driver}", server, silent, url, double, slowest=SLOWEST)
