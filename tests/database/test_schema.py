"""The tables: made at first use, of one version, and open to the user's own migrations."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fprom_middleware import FpromConfigError, outbox
from fprom_middleware.database.database import Database
from fprom_middleware.database.schema import (
    SCHEMA_ROW,
    VERSION,
    accounts,
    leads,
    metadata,
)
from fprom_middleware.database.tables import ConnectionTables, prepare_tables
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import KEY, make_settings
from tests.support.leads import VISITOR, make_lead, put_leads
from tests.support.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fixtures import MakeFprom, MakeOutbox


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """A caller's own engine on the database."""
    engine = sa.create_engine(outbox_url(database_url))
    yield engine
    engine.dispose()


def versions(engine: sa.Engine) -> dict[str, int]:
    """Read the version of each row of the shared state."""
    with engine.begin() as connection:
        rows = connection.execute(sa.select(accounts.c.account, accounts.c.version))
        return {row.account: row.version for row in rows}


def test_the_tables_are_created_at_first_use(engine: sa.Engine) -> None:
    """Both, the version, and the account's own row; a second time nothing changes."""
    for account in ("one", "one", "two"):
        with engine.begin() as connection:
            prepare_tables(ConnectionTables(connection), account)

    assert set(sa.inspect(engine).get_table_names()) == set(metadata.tables)
    assert versions(engine) == {SCHEMA_ROW: VERSION, "one": VERSION, "two": VERSION}


def test_tables_of_a_migration_are_taken_as_they_are(engine: sa.Engine) -> None:
    """`metadata` is all that Alembic needs."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), "one")

    assert versions(engine) == {SCHEMA_ROW: VERSION, "one": VERSION}


def test_the_tables_are_exported_and_loaded_late() -> None:
    """`fprom_middleware.outbox.metadata` is for migrations; the figures need no SQLAlchemy."""
    assert outbox.metadata is metadata
    with pytest.raises(AttributeError, match="has no attribute 'models'"):
        _ = outbox.models
    loaded = run_program(
        "import fprom_middleware.outbox.stats, sys; print('sqlalchemy' in sys.modules)"
    )
    assert loaded == "False\n"


def test_one_missing_table_is_created_beside_the_other(engine: sa.Engine) -> None:
    """Whoever dropped one gets it back."""
    for dropped in (leads, accounts):
        with engine.begin() as connection:
            prepare_tables(ConnectionTables(connection), "one")
            dropped.drop(connection)
        with engine.begin() as connection:
            prepare_tables(ConnectionTables(connection), "one")
        assert set(sa.inspect(engine).get_table_names()) == set(metadata.tables)


@pytest.mark.parametrize(("version", "which"), [(0, "an older"), (VERSION + 1, "a newer")])
def test_tables_of_another_version_are_refused(engine: sa.Engine, version: int, which: str) -> None:
    """The text says of which, and what to do."""
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), "one")
        connection.execute(
            sa.update(accounts).where(accounts.c.account == SCHEMA_ROW).values(version=version)
        )

    with engine.begin() as connection, pytest.raises(FpromConfigError) as refused:
        prepare_tables(ConnectionTables(connection), "one")
    assert refused.value.key == "FPROM_OUTBOX_URL"
    assert f"of {which} version" in str(refused.value)
    assert "Drain them with that version, then rename or drop" in str(refused.value)


@pytest.mark.parametrize("table", [leads, accounts])
def test_a_table_with_a_missing_column_is_refused(engine: sa.Engine, table: sa.Table) -> None:
    """Somebody else's table of that name, or one from before there were versions."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table.name} (id INTEGER)")

    with engine.begin() as connection, pytest.raises(FpromConfigError, match="another version"):
        prepare_tables(ConnectionTables(connection), "one")


def test_a_further_column_is_no_reason_to_refuse(engine: sa.Engine) -> None:
    """A user's own trigger may need one."""
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), "one")
        connection.exec_driver_sql(f"ALTER TABLE {leads.name} ADD COLUMN note VARCHAR(10)")
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), "one")


def test_a_wrong_version_is_told_by_drain_and_stats_and_in_the_log(
    engine: sa.Engine, database_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """The view goes on, the lead waits in memory, and the log says what to do."""
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), "one")
        connection.execute(sa.update(accounts).values(version=VERSION + 1))
    fprom = make(database_url)
    receipt = fprom.track_signup(VISITOR, uid=1)

    assert (receipt.status, receipt.reason, receipt.durable) == ("queued", "database", False)
    assert "a newer version of fprom_middleware. Drain them with that version" in caplog.text
    for ask in (fprom.drain, fprom.stats):
        with pytest.raises(FpromConfigError, match="a newer version"):
            ask()

    with engine.begin() as connection:
        connection.execute(sa.update(accounts).values(version=VERSION))
    assert fprom.drain()["sent"] == 1


def test_many_processes_may_create_the_tables_at_the_same_moment(database_url: str) -> None:
    """Eight databases objects on eight threads: all of them succeed."""
    databases = [Database(outbox_url(database_url), f"account-{n}") for n in range(8)]
    start, failures = threading.Barrier(8), list[Exception]()

    def create(database: Database) -> None:
        start.wait()
        try:
            # As patient as a queue of eight on a slow disk asks for.
            database.run(lambda connection: connection.execute(sa.select(leads)), patience=20)
        except Exception as error:  # noqa: BLE001 - collected for the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=create, args=[database]) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine = sa.create_engine(outbox_url(database_url))
    found = versions(engine)
    engine.dispose()
    for database in databases:
        database.close()

    assert failures == []
    assert set(found) == {SCHEMA_ROW, *(f"account-{n}" for n in range(8))}


def test_the_api_key_is_in_no_row(
    engine: sa.Engine, database_url: str, make: MakeFprom, outbox_at: MakeOutbox
) -> None:
    """Neither in a lead nor in the shared state, before or after a call."""
    fprom = make(database_url)
    fprom.track_signup(VISITOR, "a@example.com")
    put_leads(outbox_at(database_url), make_lead())
    fprom.drain(limit=1)

    assert make_settings(database_url).api_key == KEY
    with closing(engine.connect()) as connection:
        rows = [str(connection.execute(sa.select(table)).all()) for table in (leads, accounts)]
    assert "tid-of-a-visitor" in rows[0]
    assert KEY not in "".join(rows)
