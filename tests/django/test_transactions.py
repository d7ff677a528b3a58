"""``session=connection``: inside atomic() the lead exists exactly when the user row does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction

from fprom_middleware import FpromConfigError, Receipt, Status, TrackingContext
from fprom_middleware.django import get_fprom
from fprom_middleware.outbox.transactions.django_ddl import tables_of
from tests.support.django import django_database, django_settings, file_url

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import LoopbackApi

VISITOR = TrackingContext(tid="tid-of-a-visitor", ip="203.0.113.77")


@pytest.fixture(autouse=True)
def _users(request: pytest.FixtureRequest) -> None:
    """A table of users."""
    if "connection" in request.fixturenames:
        with request.getfixturevalue("connection").cursor() as cursor:
            cursor.execute("CREATE TABLE users (email VARCHAR(100) PRIMARY KEY)")


def register(connection: Any, email: str) -> Receipt:
    """Do what a registration view does inside atomic()."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO users VALUES (%s)", [email])
    return get_fprom().track_signup(VISITOR, email, session=connection)


def register_and_fail(connection: Any, email: str) -> None:
    """Do it inside an atomic() that does not commit."""
    with suppress(ZeroDivisionError), transaction.atomic(using=connection.alias):
        assert register(connection, email).durable
        raise ZeroDivisionError


def users(connection: Any) -> int:
    """Count the users."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM users")
        return int(cursor.fetchone()[0])


def test_committed_together(connection: Any, loopback: LoopbackApi) -> None:
    """The user is there, the lead is there, and it is sent as it was handed in."""
    for email in ("ann@example.com", "bob@example.com"):
        with transaction.atomic(using=connection.alias):
            receipt = register(connection, email)
            assert (receipt.status, receipt.durable) == (Status.QUEUED, True)

    assert users(connection) == get_fprom().stats().pending == 2
    assert get_fprom().drain()["sent"] == 2
    assert loopback.emails == ["ann@example.com", "bob@example.com"]
    assert {lead["ip"] for lead in loopback.leads} == {"203.0.113.77"}


@pytest.mark.parametrize("before", [True, False])
def test_rolled_back_together(before: bool, connection: Any) -> None:
    """Also where the tables themselves came with that transaction, and the next one makes them."""
    if before:
        get_fprom().stats()
    for _ in range(2):
        register_and_fail(connection, "ann@example.com")
    # On a server they are made through a connection of our own, which no rollback reaches.
    assert bool(tables_of(connection)) is (before or connection.vendor != "sqlite")
    with transaction.atomic(using=connection.alias):
        register(connection, "ann@example.com")

    assert users(connection) == get_fprom().stats().pending == 1


@pytest.mark.parametrize("commits", [True, False])
def test_what_a_webhook_writes_is_one_with_its_order(
    commits: bool, connection: Any, loopback: LoopbackApi
) -> None:
    """A sale, its refund and the end of it all, in the order in which they were handed in."""
    fprom, whom = get_fprom(), {"email": "ann@example.com", "uid": 7, "session": connection}
    with suppress(ZeroDivisionError), transaction.atomic(using=connection.alias):
        assert register(connection, "ann@example.com").durable
        assert fprom.track_sale(**whom, event_id="pi_1", amount=1290).durable
        assert fprom.track_refund(**whom, event_id="re_1", amount=90).durable
        assert fprom.track_cancellation(**whom).durable
        assert commits or 1 / 0
    assert fprom.stats().pending == (4 if commits else 0)
    assert fprom.drain()["sent"] == (4 if commits else 0)
    kinds = [call.body.get("event_id") for call in loopback.seen]
    assert kinds == ([None, "pi_1", "re_1", None] if commits else [])


def test_a_savepoint_takes_its_lead_back(connection: Any) -> None:
    """The outer block commits, the inner one did not."""
    with transaction.atomic(using=connection.alias):
        register(connection, "ann@example.com")
        register_and_fail(connection, "bob@example.com")

    assert users(connection) == get_fprom().stats().pending == 1


def test_without_atomic_each_statement_commits(connection: Any) -> None:
    """Django's autocommit, as for the user row."""
    assert register(connection, "ann@example.com").durable

    assert users(connection) == get_fprom().stats().pending == 1


def test_a_refusal_leaves_the_transaction_usable(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is registered; the lead is not kept, and the receipt says so."""
    fprom = get_fprom()
    outbox = fprom.delivery.outbox  # type: ignore[attr-defined]
    row = outbox.row
    monkeypatch.setattr(outbox, "row", lambda *given: row(*given) | {"queued_at": None})
    with transaction.atomic(using=connection.alias):
        receipt = register(connection, "ann@example.com")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO users VALUES ('after@example.com')")

    assert (receipt.status, receipt.reason, receipt.durable) == ("failed", "database", False)
    assert users(connection) == 2
    monkeypatch.undo()
    assert fprom.stats().not_durable == 0


@pytest.mark.parametrize("known", [True, False])
def test_a_transaction_that_failed_before_has_no_lead(known: bool, connection: Any) -> None:
    """It can only be rolled back: there will be no such user."""
    register(connection, "ann@example.com")
    if not known:
        get_fprom().close()
    with transaction.atomic(using=connection.alias):
        transaction.set_rollback(True, using=connection.alias)
        receipt = get_fprom().track_signup(VISITOR, "bob@example.com", session=connection)

    assert (receipt.status, receipt.reason) == ("failed", "database")
    assert get_fprom().stats().pending == 1


def test_an_error_that_the_view_swallowed_has_no_lead(connection: Any) -> None:
    """PostgreSQL refuses everything after it; SQLite goes on, and both agree with the user row."""
    register(connection, "ann@example.com")
    receipt = None
    try:
        with transaction.atomic(using=connection.alias):
            with connection.cursor() as cursor, pytest.raises(IntegrityError):
                cursor.execute("INSERT INTO users VALUES ('ann@example.com')")
            receipt = get_fprom().track_signup(VISITOR, "bob@example.com", session=connection)
            transaction.set_rollback(True, using=connection.alias)
    finally:
        assert receipt is not None

    assert receipt.status == ("failed" if connection.vendor == "postgresql" else "queued")
    assert get_fprom().stats().pending == 1


def test_tables_that_went_away_are_made_again(connection: Any) -> None:
    """Somebody may drop them under a running process."""
    register(connection, "ann@example.com")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE fprom_outbox")
    with transaction.atomic(using=connection.alias):
        assert register(connection, "bob@example.com").durable

    assert get_fprom().stats().pending == 1


@pytest.mark.parametrize("change", ["UPDATE fprom_outbox_account SET version = 99", None])
def test_tables_of_another_version_are_refused(change: str | None, connection: Any) -> None:
    """By the number, and by their columns where somebody else made them."""
    with connection.cursor() as cursor:
        if change is None:
            cursor.execute("CREATE TABLE fprom_outbox (id INTEGER)")
        else:
            get_fprom().stats()
            get_fprom().close()
            cursor.execute(change)

    with (
        pytest.raises(FpromConfigError, match=r"of (another|a newer) version"),
        transaction.atomic(using=connection.alias),
    ):
        register(connection, "ann@example.com")
    assert users(connection) == 0


def test_async_code_is_told_how(connection: Any) -> None:
    """Django's connection belongs to a thread; a message says what to write in its place."""

    async def view() -> None:
        await get_fprom().track_signup_async(VISITOR, "ann@example.com", session=connection)

    with pytest.raises(FpromConfigError, match="sync_to_async"):
        asyncio.run(view())


def test_another_database_is_refused(tmp_path: Path) -> None:
    """Nobody would drain it."""
    with (
        django_settings(FPROM_OUTBOX_URL=file_url(tmp_path)),
        django_database(f"sqlite:///{tmp_path}/other.db") as other,
        pytest.raises(FpromConfigError, match="session= is bound to"),
    ):
        get_fprom().track_signup(VISITOR, "ann@example.com", session=other)
