"""Tables of version 2, which knew sign-ups alone: nothing that waits in them is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fprom_middleware import FpromConfigError, Sale
from fprom_middleware.database.database import Database
from fprom_middleware.database.order_keys import order_keys
from fprom_middleware.database.schema import SCHEMA_ROW, VERSION, accounts, leads, metadata
from fprom_middleware.database.statements import upgrade
from fprom_middleware.database.tables import ConnectionTables, prepare_tables
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT
from tests.support.clock import START
from tests.support.older_tables import (
    IDENTITY,
    make_tables,
    payload_of,
    second_accounts,
    second_leads,
)
from tests.support.services import MARIADB

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fprom_middleware.outbox.claims import Claimed
    from fprom_middleware.outbox.store import Outbox
    from tests.support.fixtures import MakeOutbox

COUNT = 1203
"""More than two pages of what is read at once."""
COLUMNS = 11
"""That version 3, the first four of them, and version 4 have added."""
DAMAGED = ["{", "[]", "5", "null", '"text"', '{"email": 5, "tid": "t"}', '{"uid": ["x"]}', ""]
DAMAGED += ['{"email": {}}', "[" * 100_000, '{"a":' * 50_000]


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """An engine of the test's own, on tables of version 2 in which leads wait."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine, *(payload_of(number) for number in range(COUNT)), *DAMAGED)
    yield engine
    engine.dispose()


def read(engine: sa.Engine, table: sa.Table) -> list[Mapping[str, Any]]:
    """Read a table."""
    order = next(iter(table.primary_key.columns))
    with engine.connect() as connection:
        return [dict(r) for r in connection.execute(sa.select(table).order_by(order)).mappings()]


def first_use(outbox: Outbox) -> None:
    """Use the outbox; DDL may take a slow disk longer than a view would wait for it."""
    outbox.database.run(lambda _connection: None, patience=30)


def keys_of(row: Mapping[str, Any]) -> dict[str, int | None]:
    """Read what orders a row."""
    return {name: row[name] for name in ("email_key", "uid_key")}


def claim(outbox: Outbox) -> list[Claimed]:
    """Claim until there is no more to have."""
    found: list[Claimed] = []
    while (batch := outbox.claim(500)).claimed or batch.blocked or batch.unreadable:
        found += batch.claimed
    return found


def test_nothing_is_lost_or_changed(engine: sa.Engine, url: str, outbox_at: MakeOutbox) -> None:
    """Each column of each row, damaged and rejected ones included; all are sign-ups."""
    before = read(engine, second_leads), read(engine, second_accounts)
    first_use(outbox_at(url))

    rows = read(engine, leads)
    assert [{name: row[name] for name in before[0][0]} for row in rows] == before[0]
    assert {(row["kind"], row["blocked"]) for row in rows} == {("signup", 0)}
    state = {row["account"]: row for row in read(engine, accounts)}
    for row in before[1]:
        version = VERSION if row["account"] == SCHEMA_ROW else 2
        assert state[row["account"]] == {**row, "version": version}
    assert state[SCHEMA_ROW]["identity"] == IDENTITY


def test_what_waits_knows_whom_it_is_about(
    engine: sa.Engine, url: str, outbox_at: MakeOutbox
) -> None:
    """Over all pages, of each account; what is damaged or has ended names nobody."""
    first_use(outbox_at(url))

    for row in read(engine, leads):
        if row["due_at"] is None or row["id"] in range(COUNT + 1, COUNT + len(DAMAGED) + 1):
            if row["payload"] != '{"uid": ["x"]}':
                assert keys_of(row) == {"email_key": None, "uid_key": None}
        else:
            assert keys_of(row) == order_keys(row["account"], json.loads(row["payload"]))


def test_what_waited_goes_before_what_its_customer_does_now(
    engine: sa.Engine, url: str, outbox_at: MakeOutbox
) -> None:
    """A sale of a customer whose sign-up was written by the older version."""
    outbox = outbox_at(url, rate_limit=10**6)
    first_use(outbox)
    for uid in ("u-1", "nobody's"):
        outbox.put(outbox.row(Sale(uid=uid, event_id=uid, amount=1)))

    claimed = claim(outbox)
    events = [item.event for item in claimed]
    assert len([event for event in events if event.kind == "signup"]) == COUNT
    assert [event.uid for event in events if isinstance(event, Sale)] == ["nobody's"]
    assert {(i.attempts, i.failed_count, i.not_found_count, i.own_failures) for i in claimed} == {
        (3, 2, 1, 1),
        (0, 0, 0, 0),
    }
    reasons = [row["reason"] for row in read(engine, leads) if row["due_at"] is None]
    assert sorted(reasons) == ["bad_request", *["unreadable"] * len(DAMAGED)]


def test_an_older_process_may_go_on_writing(url: str, outbox_at: MakeOutbox) -> None:
    """While an app is deployed: its rows are sign-ups that wait for nobody."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine)
    outbox = outbox_at(url)
    first_use(outbox)
    row = {"account": ACCOUNT, "due_at": START, "queued_at": START, "row_key": "late"}
    with engine.begin() as connection:
        connection.execute(second_leads.insert().values(**row, payload=payload_of(7)))
    engine.dispose()
    assert [(item.event.kind, item.event.uid) for item in claim(outbox)] == [("signup", "u-7")]


@pytest.mark.parametrize("columns", [0, 1, 3, 4, 5, COLUMNS])
def test_what_a_migration_added_is_filled(url: str, outbox_at: MakeOutbox, columns: int) -> None:
    """Alembic adds columns and indexes, all or, killed in between, some; the first use the rest."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine, payload_of(0), payload_of(1))
    with engine.begin() as connection:
        tables = ConnectionTables(connection)
        found = {name: tables.columns_of(name) for name in metadata.tables}
        added = [s for s in upgrade(tables.dialect, found) if "ADD COLUMN" in str(s)]
        rest = [s for s in upgrade(tables.dialect, found) if "ADD COLUMN" not in str(s)]
        assert len(added) == COLUMNS
        for statement in [*added[:columns], *(rest if columns == COLUMNS else [])]:
            tables.execute(statement)
    first_use(outbox_at(url))

    rows = read(engine, leads)
    assert [keys_of(row) for row in rows[:2]] == [
        order_keys(ACCOUNT, json.loads(payload_of(number))) for number in (0, 1)
    ]
    assert {row["version"] for row in read(engine, accounts)} == {2, VERSION}
    engine.dispose()


def test_a_look_says_who_mends_them(url: str) -> None:
    """And changes nothing."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine)
    look = Database(outbox_url(url), ACCOUNT, look=True)
    with pytest.raises(FpromConfigError, match="of an older version: the app's first request"):
        look.read(lambda _connection: None)
    look.close()
    assert "kind" not in {column["name"] for column in sa.inspect(engine).get_columns(leads.name)}
    engine.dispose()


def test_a_text_that_is_not_utf_8_keeps_no_one_from_mending_them(sqlite_url: str) -> None:
    """Through a connection of the caller's own, too, which may decode strictly."""
    engine = sa.create_engine(outbox_url(sqlite_url))
    make_tables(engine, payload_of(1), payload_of(2))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE fprom_outbox SET payload = CAST(x'ff' AS TEXT) WHERE id = 1"
        )
    with engine.begin() as connection:
        prepare_tables(ConnectionTables(connection), ACCOUNT)
    with engine.connect() as connection:
        kept = connection.execute(sa.select(leads.c.uid_key).order_by(leads.c.id)).scalars()
        wanted = order_keys(ACCOUNT, {"uid": "u-2"})["uid_key"]
        assert list(kept)[:2] == [None, wanted]
    engine.dispose()


# --- Where ALTER is not permitted ---------------------------------------------------------


def make_user(engine: sa.Engine, server: str) -> str:
    """Make a user who may change rows and no tables; return how URLs name it."""
    with engine.begin() as connection:
        if server == "postgresql_url":
            connection.exec_driver_sql("DROP ROLE IF EXISTS fprom_clerk")
            connection.exec_driver_sql("CREATE ROLE fprom_clerk LOGIN")
            connection.exec_driver_sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO fprom_clerk")
            connection.exec_driver_sql("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO fprom_clerk")
        else:
            connection.exec_driver_sql("DROP USER IF EXISTS fprom_clerk")
            connection.exec_driver_sql("CREATE USER fprom_clerk IDENTIFIED BY 'clerk'")
            rights = "SELECT, INSERT, UPDATE, DELETE"
            connection.exec_driver_sql(
                f"GRANT {rights} ON {engine.url.database}.* TO fprom_clerk"  # a test's own
            )
    return "fprom_clerk" if server == "postgresql_url" else "fprom_clerk:clerk"


def drop_user(engine: sa.Engine, server: str) -> None:
    """Take it away again."""
    with engine.begin() as connection:
        if server == "postgresql_url":
            connection.exec_driver_sql("DROP OWNED BY fprom_clerk")
            connection.exec_driver_sql("DROP ROLE fprom_clerk")
        else:
            connection.exec_driver_sql("DROP USER fprom_clerk")


@pytest.mark.parametrize("server", ["postgresql_url", "mariadb_url"])
def test_a_user_who_may_not_is_told_what_to_run(
    server: str, request: pytest.FixtureRequest, outbox_at: MakeOutbox
) -> None:
    """The statements as they are, for the owner; then the first use fills the keys."""
    url: str = request.getfixturevalue(server)
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine, payload_of(1))
    user = make_user(engine, server)
    owner = (
        "postgres@" if server == "postgresql_url" else f"{MARIADB.split('://')[1].split('@')[0]}@"
    )
    outbox = outbox_at(url.replace(owner, f"{user}@"))
    sale = outbox.row(Sale(uid="u-1", event_id="1", amount=1))
    with pytest.raises(FpromConfigError, match="Run, as their owner: ") as refused:
        outbox.put(sale)
    told = str(refused.value).partition("owner: ")[2].split("; ")
    assert "ALTER TABLE fprom_outbox ADD COLUMN email_key BIGINT" in told
    assert "CREATE INDEX fprom_outbox_email ON fprom_outbox (email_key, id)" in told
    with engine.begin() as connection:
        for statement in told:
            connection.exec_driver_sql(statement)

    outbox.put(sale)
    assert keys_of(read(engine, leads)[0]) == order_keys(ACCOUNT, {"uid": "u-1"})
    assert [item.event.kind for item in claim(outbox)] == ["signup"]
    outbox.database.close()
    drop_user(engine, server)
    engine.dispose()
