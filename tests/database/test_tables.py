"""Tables of an older version: brought up to date in place, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fprom_middleware import FpromConfigError
from fprom_middleware.database.database import Database
from fprom_middleware.database.schema import SCHEMA_ROW, VERSION, accounts, leads, metadata
from fprom_middleware.database.statements import upgrade
from fprom_middleware.database.tables import ConnectionTables, are_there
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT
from tests.support.leads import make_lead, put_leads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.fixtures import MakeOutbox

first = sa.MetaData()
"""The tables as version 1 made them."""
first_leads = sa.Table(
    "fprom_outbox",
    first,
    sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("account", sa.String(255), nullable=False),
    sa.Column("due_at", sa.Double),
    sa.Column("queued_at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("unknowns", sa.Integer, nullable=False),
    sa.Column("rejected_at", sa.Double),
    sa.Column("reason", sa.String(32)),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Index("fprom_outbox_due", "account", "due_at"),
)
first_accounts = sa.Table(
    "fprom_outbox_account",
    first,
    sa.Column("account", sa.String(255), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("paused_since", sa.Double),
    sa.Column("paused_until", sa.Double),
    sa.Column("pause_reason", sa.String(32)),
    sa.Column("calls", sa.Text, nullable=False),
)
ROW = {"account": ACCOUNT, "due_at": 1.0, "queued_at": 1.0, "attempts": 3, "unknowns": 2}


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """An engine of the test's own, on tables of version 1 in which a lead waits."""
    engine = sa.create_engine(outbox_url(url))
    first.create_all(engine)
    with engine.begin() as connection:
        connection.execute(first_leads.insert().values(**ROW, payload='{"uid": "old", "tid": "t"}'))
        for account in (SCHEMA_ROW, ACCOUNT):
            connection.execute(
                first_accounts.insert().values(account=account, version=1, failures=4, calls="")
            )
    yield engine
    engine.dispose()


def described(engine: sa.Engine) -> dict[str, set[str]]:
    """Name the columns and the indexes that the database has."""
    inspector = sa.inspect(engine)
    return {
        table: {column["name"] for column in inspector.get_columns(table)}
        | {str(index["name"]) for index in inspector.get_indexes(table)}
        for table in metadata.tables
    }


def test_version_1_is_brought_up_to_date(
    engine: sa.Engine, url: str, outbox_at: MakeOutbox
) -> None:
    """By the first use: what waits is claimed as it was, and new leads are written beside it."""
    outbox = outbox_at(url)
    # DDL may take a slow disk longer than a view would wait for it.
    outbox.database.run(lambda _connection: None, patience=30)
    put_leads(outbox, make_lead())

    found = {item.attempts: item for item in outbox.claim(10).claimed}
    assert set(found) == {0, 3}
    assert found[3].not_found_count == 2
    for table in (leads, accounts):
        names = {*table.columns.keys(), *(str(index.name) for index in table.indexes)}
        assert described(engine)[table.name] == names
    with engine.connect() as connection:
        rows = connection.execute(sa.select(accounts.c.account, accounts.c.version)).all()
        mine = connection.scalar(
            sa.select(accounts.c.failures).where(accounts.c.account == ACCOUNT)
        )
    assert dict((SCHEMA_ROW, VERSION) if r[0] == SCHEMA_ROW else (r[0], 0) for r in rows) == {
        SCHEMA_ROW: VERSION,
        ACCOUNT: 0,
    }
    assert mine == 4


def test_what_is_up_to_date_stays(engine: sa.Engine, url: str, outbox_at: MakeOutbox) -> None:
    """A second process finds nothing to do, and the same outbox."""
    one, two = outbox_at(url).database, outbox_at(url).database
    one.run(lambda _connection: None, patience=30)

    assert one.identity() == two.identity() != ""
    with engine.connect() as connection:
        tables = ConnectionTables(connection)
        assert upgrade(tables.dialect, {t: tables.columns_of(t) for t in metadata.tables}) == []


def test_a_look_does_not_bring_them_up_to_date(engine: sa.Engine, url: str) -> None:
    """It says who does."""
    look = Database(outbox_url(url), ACCOUNT, look=True)
    with pytest.raises(FpromConfigError, match="of an older version: the app's first request"):
        look.read(lambda _connection: None)
    look.close()
    with engine.connect() as connection, pytest.raises(FpromConfigError):
        are_there(ConnectionTables(connection))
    assert "unknowns" in described(engine)[leads.name]


def test_a_user_who_may_not_is_told_what_to_run(postgresql_url: str, outbox_at: MakeOutbox) -> None:
    """The statements, for the tables' owner; then it goes on."""
    engine = sa.create_engine(outbox_url(postgresql_url))
    first.create_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS fprom_user")
        connection.exec_driver_sql("CREATE ROLE fprom_user LOGIN")
        connection.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO fprom_user")
        connection.exec_driver_sql("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO fprom_user")
    outbox = outbox_at(postgresql_url.replace("postgres@", "fprom_user@"))
    with pytest.raises(FpromConfigError, match="Run, as their owner: ") as refused:
        put_leads(outbox, make_lead())
    with engine.begin() as connection:
        for statement in str(refused.value).partition("owner: ")[2].split("; "):
            connection.exec_driver_sql(statement)
    put_leads(outbox, make_lead())

    assert outbox.stats().pending == 1
    outbox.database.close()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY fprom_user")
        connection.exec_driver_sql("DROP ROLE fprom_user")
    engine.dispose()


def test_what_else_goes_wrong_is_told_as_it_is(
    sqlite_url: str, outbox_at: MakeOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rights are not the only thing that may be missing."""
    engine = sa.create_engine(outbox_url(sqlite_url))
    first.create_all(engine)
    engine.dispose()
    wrong = sa.text("ALTER TABLE nowhere ADD COLUMN nothing")
    monkeypatch.setattr("fprom_middleware.database.tables.upgrade", lambda *_: [wrong])
    with pytest.raises(sa.exc.OperationalError, match="no such table: nowhere"):
        outbox_at(sqlite_url).stats()


def test_every_new_column_has_a_value_for_older_rows() -> None:
    """An ALTER TABLE of ours or of Alembic's has nothing else to put there."""
    older = {table.name: set(table.columns.keys()) for table in first.sorted_tables}
    new = [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name not in older[table.name]
    ]

    assert new
    assert [c.name for c in new if not c.nullable and c.server_default is None] == []
