"""Connections to a server: dropped when it was demoted, and quick to give up."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fprom_middleware.database.database import Database
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT
from tests.support.leads import make_lead, put_leads

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from tests.support.fixtures import MakeOutbox

READ_ONLY = {
    "postgresql+psycopg": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "postgresql+psycopg2": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql+pymysql": "SET SESSION TRANSACTION READ ONLY",
}


def with_driver(request: pytest.FixtureRequest, driver: str) -> str:
    """Return the URL of a server's empty database, as one driver takes it."""
    kind = "mariadb_url" if driver.startswith("mysql") else "postgresql_url"
    url: str = request.getfixturevalue(kind)
    return f"{driver}:{url.partition(':')[2]}"


@pytest.mark.parametrize("driver", READ_ONLY)
def test_a_connection_that_turned_read_only_is_dropped(
    driver: str, request: pytest.FixtureRequest, outbox_at: MakeOutbox
) -> None:
    """After a failover: the next connection reaches the server that takes writes."""
    outbox = outbox_at(with_driver(request, driver))
    outbox.database.run(lambda _connection: None, patience=30)
    put_leads(outbox, make_lead())
    outbox.database.run(lambda connection: connection.exec_driver_sql(READ_ONLY[driver]))
    put_leads(outbox, make_lead())

    assert outbox.stats().pending == 2


@pytest.mark.parametrize("begun", [True, False], ids=["at its first write", "at BEGIN"])
def test_a_file_that_was_opened_read_only_is_opened_anew(
    begun: bool, sqlite_url: str, outbox_at: MakeOutbox
) -> None:
    """SQLite never asks again whether it may write a file that it has opened."""
    outbox = outbox_at(sqlite_url)
    put_leads(outbox, make_lead())

    def write(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        if begun:
            connection.exec_driver_sql("DELETE FROM fprom_outbox")

    with pytest.raises(sa.exc.OperationalError) if begun else nullcontext():
        outbox.database.run(write)
    if not begun:
        with pytest.raises(sa.exc.OperationalError):
            put_leads(outbox, make_lead())
    put_leads(outbox, make_lead())

    assert outbox.stats().pending == 2


@pytest.mark.parametrize("driver", READ_ONLY)
def test_what_else_is_refused_keeps_its_connection(
    driver: str, request: pytest.FixtureRequest
) -> None:
    """A mistake in a statement says nothing about the server."""
    database = Database(outbox_url(with_driver(request, driver)), ACCOUNT)
    database.run(lambda _connection: None, patience=30)
    dropped: list[object] = []
    sa.event.listen(database.engine, "invalidate", lambda *given: dropped.append(given))
    with pytest.raises(sa.exc.SQLAlchemyError):
        database.run(lambda connection: connection.exec_driver_sql("SELECT nonsense"))
    database.close()

    assert dropped == []


@pytest.mark.parametrize(
    ("query", "timeout"), [("", "1s"), ("?options=-c%20statement_timeout%3D7000", "7s")]
)
def test_a_statement_is_given_up_unless_the_url_says_when(
    query: str, timeout: str, postgresql_url: str
) -> None:
    """PostgreSQL ends it by itself."""
    database = Database(outbox_url(postgresql_url + query), ACCOUNT)

    def ask(connection: Connection) -> object:
        return connection.exec_driver_sql("SHOW statement_timeout").scalar()

    assert database.run(ask, patience=30) == timeout
    database.close()


def test_mariadb_gives_up_a_lock(mariadb_url: str) -> None:
    """Its own default is fifty seconds."""
    database = Database(outbox_url(mariadb_url), ACCOUNT)

    def ask(connection: Connection) -> object:
        return connection.exec_driver_sql("SELECT @@innodb_lock_wait_timeout").scalar()

    assert database.run(ask, patience=30) == 1
    database.close()


def test_a_payload_of_any_length_fits(mariadb_url: str, outbox_at: MakeOutbox) -> None:
    """MySQL's own TEXT ends after 64 kB."""
    outbox = outbox_at(mariadb_url)
    outbox.database.run(lambda _connection: None, patience=30)
    outbox.put({**outbox.row(make_lead()), "payload": "x" * 100_000})

    def length(connection: Connection) -> object:
        return connection.exec_driver_sql("SELECT length(payload) FROM fprom_outbox").scalar()

    assert outbox.database.read(length) == 100_000
