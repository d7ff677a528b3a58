"""The Django migration makes what the first use would have made, on both databases."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from django.core.management import call_command
from django.db.migrations.exceptions import IrreversibleError
from django.db.transaction import atomic

from fprom_middleware import FpromConfigError, TrackingContext
from fprom_middleware.database.order_keys import order_keys
from fprom_middleware.database.schema import SCHEMA_ROW, VERSION, accounts, leads, metadata
from fprom_middleware.database.statements import creation
from fprom_middleware.database.tables import ConnectionTables, prepare_tables
from fprom_middleware.django import get_fprom
from fprom_middleware.outbox.transactions.django import DjangoTransaction
from fprom_middleware.outbox.transactions.django_ddl import as_text, dialect_of, tables_of
from fprom_middleware.outbox.urls import outbox_url
from tests.support.django import django_settings
from tests.support.older_tables import make_tables, payload_of

if TYPE_CHECKING:
    from tests.support.api import LoopbackApi

OURS = set(metadata.tables)


class Nowhere:
    """A router that keeps the app out of every database."""

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        """Refuse."""
        return False


def migrate(connection: Any, *target: str) -> None:
    """Run ``manage.py migrate fprom``."""
    call_command("migrate", "fprom", *target, database=connection.alias, verbosity=0)


def described(url: str) -> dict[str, Any]:
    """Describe the tables as the database itself does."""
    engine = sa.create_engine(outbox_url(url))
    inspector = sa.inspect(engine)
    found = {
        table: [
            [{**column, "type": str(column["type"])} for column in inspector.get_columns(table)],
            inspector.get_pk_constraint(table),
            [_as_text(index) for index in inspector.get_indexes(table)],
        ]
        for table in sorted(OURS)
    }
    engine.dispose()
    return found


def _as_text(index: Any) -> dict[str, Any]:
    # The condition of a partial one is an object, which equals no other.
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def drop_all(url: str) -> None:
    """Take the tables away."""
    engine = sa.create_engine(outbox_url(url))
    metadata.drop_all(engine)
    engine.dispose()


def test_both_ways_make_the_same_tables(connection: Any, url: str) -> None:
    """Column by column, key by key, index by index."""
    migrate(connection)
    by_migration = described(url)
    drop_all(url)
    engine = sa.create_engine(outbox_url(url))
    with engine.begin() as ours:
        prepare_tables(ConnectionTables(ours), "account-7")
    engine.dispose()

    assert by_migration == described(url)


def test_the_outbox_accepts_them(connection: Any, url: str, loopback: LoopbackApi) -> None:
    """The version row is there, nothing is made a second time, and leads go through."""
    migrate(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, version FROM fprom_outbox_account")
        assert cursor.fetchall() == [(SCHEMA_ROW, VERSION)]

    fprom = get_fprom()
    assert fprom.track_signup(TrackingContext(tid="t1"), "ann@example.com").durable
    assert fprom.drain()["sent"] == 1
    assert loopback.emails == ["ann@example.com"]
    assert metadata.tables[accounts.name] is accounts


def test_the_first_use_may_come_before(connection: Any, url: str) -> None:
    """A lead that waits survives the migration."""
    fprom = get_fprom()
    fprom.track_signup(TrackingContext(tid="t1"), "ann@example.com")

    migrate(connection)

    assert fprom.stats().pending == 1


def test_it_can_be_taken_back(connection: Any) -> None:
    """And made again; a second time changes nothing."""
    migrate(connection)
    migrate(connection, "zero")
    assert tables_of(connection) == set()
    migrate(connection)
    assert tables_of(connection) == OURS
    migrate(connection, "zero")
    migrate(connection)
    drop_with(connection)
    migrate(connection, "zero")


def drop_with(connection: Any) -> None:
    """Take the tables away behind Django's back."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE fprom_outbox")


def test_leads_that_wait_are_not_dropped(connection: Any) -> None:
    """Taking it back says what to do first."""
    migrate(connection)
    get_fprom().track_signup(TrackingContext(tid="t1"), "ann@example.com")

    with pytest.raises(IrreversibleError, match="drain it first"):
        migrate(connection, "zero")
    assert get_fprom().stats().pending == 1


def test_a_router_may_keep_it_out(connection: Any) -> None:
    """A project with many databases has its outbox in one."""
    with django_settings(DATABASE_ROUTERS=[Nowhere()]):
        migrate(connection)
        assert tables_of(connection) == set()
        migrate(connection, "zero")


def test_sqlmigrate_shows_every_statement(
    connection: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """For those whose database is changed by somebody else."""
    migrate(connection)
    call_command("sqlmigrate", "fprom", "0001", database=connection.alias)
    forwards = capsys.readouterr().out
    call_command("sqlmigrate", "fprom", "0001", database=connection.alias, backwards=True)
    backwards = capsys.readouterr().out

    assert "-- Create the outbox of FirstPromoter events" in forwards
    for table in OURS:
        assert f"CREATE TABLE IF NOT EXISTS {table} (" in forwards
        assert f"DROP TABLE IF EXISTS {table};" in backwards
    assert "'#schema'" in forwards


def test_version_1_is_brought_up_to_date(connection: Any) -> None:
    """By `migrate`, which says so; a lead that waits survives, and zero takes all back."""
    migrate(connection, "0001")
    columns = {name: set(DjangoTransaction(connection).columns_of(name)) for name in OURS}
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE fprom_outbox RENAME COLUMN not_found_count TO unknowns")
        cursor.execute("ALTER TABLE fprom_outbox DROP COLUMN tried_at")
        cursor.execute("ALTER TABLE fprom_outbox_account DROP COLUMN refused")
        cursor.execute("UPDATE fprom_outbox_account SET version = 1")
        cursor.execute(
            "INSERT INTO fprom_outbox (account, due_at, queued_at, attempts, unknowns, payload)"
            ' VALUES (\'account-7\', 1, 1, 2, 1, \'{"tid": "t", "uid": "1"}\')'
        )
    migrate(connection)

    assert {name: set(DjangoTransaction(connection).columns_of(name)) for name in OURS} == columns
    assert get_fprom().drain()["sent"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT version FROM fprom_outbox_account WHERE account = '#schema'")
        assert cursor.fetchone() == (VERSION,)


def test_version_2_is_brought_up_to_date(connection: Any, url: str, loopback: LoopbackApi) -> None:
    """What waits is a sign-up that knows whom it is about; what is damaged is in nobody's way."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine, payload_of(1), "{", payload_of(2), *[payload_of(4)] * 600)
    if connection.vendor == "sqlite":
        with engine.begin() as ours:
            damage = "UPDATE fprom_outbox SET payload = CAST(x'ff' AS TEXT) WHERE id = 2"
            ours.exec_driver_sql(damage)
    call_command("migrate", "fprom", "0002", database=connection.alias, fake=True, verbosity=0)
    migrate(connection)

    with engine.connect() as ours:
        known = sa.select(leads.c.kind, leads.c.email_key, leads.c.uid_key)
        rows = ours.execute(known.order_by(leads.c.id)).all()
    engine.dispose()
    for number, row in [(1, rows[0]), (2, rows[2]), (4, rows[602])]:
        keys = order_keys("account-7", json.loads(payload_of(number)))
        assert (row.kind, row.email_key, row.uid_key) == ("signup", *keys.values())
    assert (rows[1].kind, rows[1].email_key, rows[1].uid_key) == ("signup", None, None)
    fprom = get_fprom()
    assert fprom.track_sale(uid="u-1", event_id="pi_1", amount=1).durable
    counts = fprom.drain(limit=4)
    assert (counts["sent"], counts["rejected"]) == (3, 1)
    assert loopback.seen[0].body["uid"] == "u-1"


def test_version_2_is_mended_in_a_caller_s_transaction(connection: Any, url: str) -> None:
    """Where no migration was run: by the first event that is written with ``session=``."""
    engine = sa.create_engine(outbox_url(url))
    make_tables(engine, payload_of(1))
    with atomic(using=connection.alias):
        receipt = get_fprom().track_sale(uid="u-1", event_id="1", amount=1, session=connection)
    assert receipt.durable
    with engine.connect() as ours:
        mine = sa.select(leads).where(leads.c.account == "account-7").order_by(leads.c.id)
        rows = ours.execute(mine).all()
    engine.dispose()
    waiting = [row for row in rows if row.due_at is not None]
    assert [row.kind for row in waiting] == ["signup", "sale"]
    assert len({row.uid_key for row in waiting}) == 1


def test_the_plan_says_what_is_done(connection: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, for both migrations."""
    call_command("migrate", "fprom", database=connection.alias, plan=True)

    plan = capsys.readouterr().out
    assert "Create the outbox of FirstPromoter events" in plan
    assert "Bring the outbox of FirstPromoter events up to date" in plan


def test_there_is_nothing_to_migrate_further(capsys: pytest.CaptureFixture[str]) -> None:
    """``makemigrations --check`` in a project's CI stays green."""
    with django_settings():
        call_command("makemigrations", check_changes=True, dry_run=True)

    assert capsys.readouterr().out == "No changes detected\n"


def test_other_databases_get_their_own_words() -> None:
    """MySQL knows no IF NOT EXISTS for an index; an unknown one is refused with a reason."""
    mysql = dialect_of("mysql")
    statements = "\n".join(as_text(creation(mysql, ()), mysql))

    assert "AUTO_INCREMENT" in statements
    assert "payload LONGTEXT" in statements
    assert "CREATE INDEX fprom_outbox_due" in statements
    assert creation(mysql, OURS) == []
    with pytest.raises(FpromConfigError, match="of the kind oracle"):
        dialect_of("oracle")
