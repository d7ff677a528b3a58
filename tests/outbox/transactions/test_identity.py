"""A row is written into a caller's transaction only where the outbox itself is seen there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from fprom_middleware import FpromConfigError
from fprom_middleware.database.schema import metadata
from fprom_middleware.database.tables import ConnectionTables, prepare_tables
from fprom_middleware.outbox.urls import outbox_url
from tests.support.leads import VISITOR, sign_up
from tests.support.services import pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware import Fprom
    from tests.support.fixtures import MakeFprom


@pytest.fixture
def engine(postgresql_url: str) -> Iterator[sa.Engine]:
    """The app's own engine, in whose database a tenant has a schema."""
    engine = sa.create_engine(outbox_url(postgresql_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA tenant1")
    yield engine
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA tenant1 CASCADE")
    engine.dispose()


def tables_in(engine: sa.Engine, schema: str) -> set[str]:
    """Name the tables of a schema."""
    return set(sa.inspect(engine).get_table_names(schema))


def make_in_tenant(engine: sa.Engine, *, named: bool) -> None:
    """Make tables of ours in the tenant's schema: another outbox, or one that has no name yet."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO tenant1")
        if named:
            prepare_tables(ConnectionTables(connection), "account-7")
        else:
            metadata.create_all(connection)


@pytest.mark.parametrize("before", [True, False])
def test_a_search_path_does_not_lead_the_row_astray(
    before: bool, engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """It is found in the schema that is drained, and no tables are made in the tenant's."""
    fprom = make(postgresql_url)
    if before:
        fprom.stats()
    with Session(engine) as session:
        session.execute(sa.text("SET LOCAL search_path TO tenant1, public"))
        assert fprom.track_signup(VISITOR, uid=1, session=session).durable
        session.commit()

    assert fprom.stats().pending == 1
    assert tables_in(engine, "tenant1") == set()


def test_a_schema_translate_map_is_for_the_apps_own_tables(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """As above."""
    fprom = make(postgresql_url)
    translated = engine.execution_options(schema_translate_map={None: "tenant1"})
    with Session(translated) as session:
        assert fprom.track_signup(VISITOR, uid=1, session=session).durable
        session.commit()

    assert fprom.stats().pending == 1
    assert tables_in(engine, "tenant1") == set()


def test_another_outbox_in_the_way_is_refused(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """What is written there is not drained; the transaction goes on."""
    fprom = make(postgresql_url)
    make_in_tenant(engine, named=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO tenant1, public")
        with pytest.raises(FpromConfigError, match="a schema, with another outbox"):
            fprom.track_signup(VISITOR, uid=1, session=connection)
        assert connection.scalar(sa.text("SELECT count(*) FROM fprom_outbox")) == 0

    assert fprom.stats().pending == 0


def test_one_of_the_two_tables_in_the_way_is_refused(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """The identity is seen, and the row would still go elsewhere."""
    fprom = make(postgresql_url)
    make_in_tenant(engine, named=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE tenant1.fprom_outbox_account")
        connection.exec_driver_sql("SET LOCAL search_path TO tenant1, public")
        with pytest.raises(FpromConfigError, match="another outbox"):
            fprom.track_signup(VISITOR, uid=1, session=connection)


def test_tables_whose_outbox_is_not_to_be_seen(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is wrong with the program: failed, and one ERROR."""
    fprom = make(postgresql_url)
    make_in_tenant(engine, named=False)
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO tenant1, public")
        receipt = fprom.track_signup(VISITOR, uid=1, session=connection)

    assert (receipt.status, receipt.reason, receipt.durable) == ("failed", "database", False)
    assert fprom.stats().pending == 0
    (record,) = caplog.records
    assert "is not kept (IdentityHiddenError)" in record.getMessage()


def test_a_snapshot_older_than_the_outbox(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """It sees the tables and not their rows; the next transaction does."""
    fprom = make(postgresql_url)
    old = engine.execution_options(isolation_level="REPEATABLE READ")
    with old.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
        receipt = fprom.track_signup(VISITOR, uid=1, session=connection)
    with old.begin() as connection:
        assert fprom.track_signup(VISITOR, uid=2, session=connection).durable

    assert (receipt.status, receipt.reason) == ("failed", "database")
    assert fprom.stats().pending == 1


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_another_database_of_the_same_server_is_refused(
    kind: str, request: pytest.FixtureRequest, make: MakeFprom
) -> None:
    """Whether or not it has tables of its own."""
    url: str = request.getfixturevalue(f"{kind}_url")
    fprom = make(url)
    sign_up(fprom)
    admin = sa.create_engine(outbox_url(url), isolation_level="AUTOCOMMIT")
    name = f"{sa.make_url(url).database}_other"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    other = sa.create_engine(outbox_url(url).set(database=name))
    try:
        without = pytest.raises(FpromConfigError, match="a database without its tables")
        with other.begin() as connection, without:
            fprom.track_signup(VISITOR, uid=1, session=connection)
        with other.begin() as connection:
            prepare_tables(ConnectionTables(connection), "account-7")
        with other.begin() as connection, pytest.raises(FpromConfigError, match="another outbox"):
            fprom.track_signup(VISITOR, uid=1, session=connection)
    finally:
        other.dispose()
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
        admin.dispose()
    assert fprom.stats().pending == 1


@pytest.mark.slow
def test_a_pooler_is_another_way_to_the_same_database(
    engine: sa.Engine, postgresql_url: str, make: MakeFprom
) -> None:
    """`session=` through the pooler's port, the outbox through the server's, and the reverse."""
    with pgbouncer(postgresql_url) as pooled:
        for ours, theirs in ((postgresql_url, pooled), (pooled, postgresql_url)):
            fprom = make(ours)
            before = fprom.stats().pending
            app = sa.create_engine(outbox_url(theirs), connect_args={"prepare_threshold": None})
            with Session(app) as session:
                assert fprom.track_signup(VISITOR, uid=1, session=session).durable
                session.commit()
            app.dispose()
            assert fprom.stats().pending == before + 1
            fprom.close()
    assert tables_in(engine, "public") == set(metadata.tables)


@pytest.mark.slow
def test_an_outbox_behind_a_pooler(engine: sa.Engine, postgresql_url: str, make: MakeFprom) -> None:
    """Many writes and a drain: nothing is prepared that the next server connection lacks."""
    with pgbouncer(postgresql_url) as pooled:
        fprom = make(pooled, history_days=0)
        sign_up(fprom, 30)
        assert fprom.drain()["sent"] == 30
        fprom.close()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM fprom_outbox")) == 0


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[sa.Engine]:
    """The app's own engine on MariaDB, with its users."""
    engine = sa.create_engine(mariadb_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (name VARCHAR(20))")
    yield engine
    engine.dispose()


def users(engine: sa.Engine) -> int:
    """Count the users."""
    with engine.connect() as connection:
        return connection.scalar(sa.text("SELECT count(*) FROM users")) or 0


def insert_and_roll_back(engine: sa.Engine, fprom: Fprom, **more: Any) -> None:
    """Register a user, hand in the lead, and change one's mind."""
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES ('half-made')")
        fprom.track_signup(VISITOR, uid=1, session=connection, **more)
        connection.rollback()


def test_no_table_is_made_where_that_would_commit(
    mariadb: sa.Engine, mariadb_url: str, make: MakeFprom
) -> None:
    """MariaDB, tables missing: the caller's half-made user is gone with its transaction."""
    fprom = make(mariadb_url)
    insert_and_roll_back(mariadb, fprom)

    assert users(mariadb) == 0
    assert fprom.stats().pending == 0
    with mariadb.begin() as connection:
        connection.exec_driver_sql("INSERT INTO users VALUES ('whole')")
        assert fprom.track_signup(VISITOR, uid=2, session=connection).durable
    assert (users(mariadb), fprom.stats().pending) == (1, 1)
