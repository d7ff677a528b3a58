"""Tables of version 3, which deleted what was delivered: history begins with the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from fprom_middleware.database.schema import leads
from fprom_middleware.outbox.admin import Inspection
from fprom_middleware.outbox.urls import outbox_url
from tests.outbox.test_history import SENT, deliver, rows
from tests.support.accounts import ACCOUNT
from tests.support.clock import START
from tests.support.leads import answers, make_lead, put_leads
from tests.support.older_tables import make_third_tables, third_leads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.clock import Clock
    from tests.support.fixtures import MakeOutbox


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """An engine of the test's own, on tables of version 3 in which a sale waits."""
    engine = sa.create_engine(outbox_url(url))
    make_third_tables(engine)
    yield engine
    engine.dispose()


def test_what_is_delivered_now_leaves_its_history(
    engine: sa.Engine, url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Without a payload: NULL, and an empty text where SQLite cannot have NULL there."""
    outbox = outbox_at(url, history_days=30)
    outbox.database.run(lambda _connection: None, patience=30)
    deliver(outbox, clock)

    (row,) = rows(outbox)
    assert (row["kind"], row["status"], row["due_at"]) == ("sale", "sent", None)
    assert row["payload"] == ("" if engine.dialect.name == "sqlite" else None)
    (seen,) = Inspection(outbox, ACCOUNT, clock).everything()
    assert (seen.state, seen.event, seen.payload) == ("delivered", None, None)
    clock.later(days=30)
    assert (outbox.purge(), rows(outbox)) == (1, [])


def test_an_older_process_goes_on_beside_newer_ones(
    engine: sa.Engine, url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """It finds nothing due of what was delivered, writes as ever, and deletes what it sends."""
    outbox = outbox_at(url, history_days=30)
    outbox.database.run(lambda _connection: None, patience=30)
    deliver(outbox, clock)
    put_leads(outbox, make_lead("new"))
    (held,) = outbox.claim(1).claimed
    mine = third_leads.c.account == ACCOUNT
    with engine.begin() as connection:
        due = sa.select(third_leads).where(mine, third_leads.c.due_at <= START + 10**6)
        (row,) = connection.execute(due).all()
        assert row.id == held.id
        connection.execute(third_leads.delete().where(third_leads.c.id == row.id))
        values = {"account": ACCOUNT, "row_key": "late", "due_at": START, "queued_at": START - 1}
        payload = '{"uid": "late", "tid": "t"}'
        connection.execute(third_leads.insert().values(kind="signup", payload=payload, **values))
    # The newer one that had sent it as well finds it gone.
    outbox.settle(answers([held], SENT, clock.now))

    assert [item.event.uid for item in outbox.claim(9).claimed] == ["late"]
    assert outbox.stats().pending == 1


def test_a_damaged_return_of_what_was_delivered_is_not_sent(
    sqlite_url: str, outbox_at: MakeOutbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Made due again by an older command's retry, it has nothing that could be sent."""
    outbox = outbox_at(sqlite_url, history_days=30)
    put_leads(outbox, make_lead())
    deliver(outbox, clock)
    again = sa.update(leads).values(due_at=START)
    outbox.database.run(lambda connection: connection.execute(again))

    assert outbox.claim(9).claimed == []
    assert "cannot be read" in caplog.text
    assert outbox.stats().pending == 0
