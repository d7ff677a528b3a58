"""What any test may ask for: a clock, an API, an account, an outbox on either database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
import sqlalchemy as sa

from fprom_middleware import Fprom
from tests.support.accounts import Account, make_outbox, make_settings
from tests.support.api import Api, LoopbackApi, loopback_api
from tests.support.clock import Clock
from tests.support.services import mariadb_database, postgresql_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fprom_middleware.outbox.store import Outbox


class MakeFprom(Protocol):
    """Makes an account of an outbox's URL and settings."""

    def __call__(self, url: str, **more: Any) -> Fprom:
        """Make it; the test's end closes it."""
        ...


class MakeOutbox(Protocol):
    """Opens an outbox."""

    def __call__(self, url: str, **more: Any) -> Outbox:
        """Open it; the test's end closes it."""
        ...


@pytest.fixture
def clock() -> Clock:
    """A clock that is wound by hand."""
    return Clock()


@pytest.fixture
def api(clock: Clock) -> Iterator[Api]:
    """FirstPromoter, in good health."""
    api = Api(clock)
    with api.client:
        yield api


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops."""
    backend: str = request.param
    return backend


@pytest.fixture
def account() -> Account:
    """An account that delivers at once, keeps nothing and whose keys sign tokens."""
    return Account()


@pytest.fixture
def loopback() -> Iterator[LoopbackApi]:
    """FirstPromoter on a socket, for other processes."""
    with loopback_api() as one:
        yield one


@pytest.fixture
def make(clock: Clock, api: Api) -> Iterator[MakeFprom]:
    """Accounts on the test's clock and API."""
    made: list[Fprom] = []

    def make_one(url: str, **more: Any) -> Fprom:
        fprom = Fprom(make_settings(url, **more), clock=clock, client=api.client)
        made.append(fprom)
        return fprom

    yield make_one
    for fprom in made:
        fprom.close()


@pytest.fixture
def outbox_at(clock: Clock) -> Iterator[MakeOutbox]:
    """Outboxes on the test's clock."""
    made: list[Outbox] = []

    def make_one(url: str, **more: Any) -> Outbox:
        made.append(make_outbox(url, **{"clock": clock, **more}))
        return made[-1]

    yield make_one
    for outbox in made:
        outbox.database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'outbox.db'}"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A database on the PostgreSQL server for this test run."""
    with postgresql_database("outbox") as url:
        yield url


@pytest.fixture
def postgresql_url(server_url: str) -> str:
    """An empty PostgreSQL database.

    Emptied before a test: after one, an account that is not closed yet would make its tables anew.
    """
    import psycopg  # noqa: PLC0415 - only where it is wanted

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    return server_url


@pytest.fixture(scope="session")
def mariadb_server_url() -> Iterator[str]:
    """A database on the MariaDB server for this test run."""
    with mariadb_database("outbox") as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server_url: str) -> str:
    """An empty MariaDB database, emptied before a test like PostgreSQL's."""
    engine = sa.create_engine(mariadb_server_url)
    found = sa.MetaData()
    found.reflect(engine)
    found.drop_all(engine)
    engine.dispose()
    return mariadb_server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Either database, empty."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
