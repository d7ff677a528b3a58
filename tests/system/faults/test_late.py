"""A process that was stopped for longer than its lease, and then goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Lead, Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.outbox.database import Database
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.outbox.urls import outbox_url
from tests.support.leads import answers

if TYPE_CHECKING:
    from collections.abc import Callable

SENT = Outcome(Status.SENT, code=200)


def make_outbox(url: str, clock: Callable[[], float]) -> Outbox:
    """Return an outbox as another process would have it."""
    return Outbox(
        Database(outbox_url(url), "account"),
        account="account",
        clock=clock,
        rate_limit=1000,
        timeout=10.0,
    )


@pytest.mark.parametrize("database", ["sqlite_url", "postgresql_url"])
def test_late_settle_takes_no_other_lead(request: pytest.FixtureRequest, database: str) -> None:
    """What it sent is settled, and a newer lead that got the same row id is left alone."""
    now = [1_800_000_000.0]
    url = request.getfixturevalue(database)
    stopped, other = (make_outbox(url, lambda: now[0]) for _ in range(2))
    stopped.put(Lead(uid="old"))
    late = stopped.claim(1).claimed[0]
    now[0] += 3600.0
    again = other.claim(1).claimed[0]
    other.settle(answers([again], SENT, now[0]))
    other.put(Lead(uid="new"))
    stopped.settle(answers([late], SENT, now[0]))
    assert [item.lead.uid for item in other.claim(1).claimed] == ["new"]
    stopped.database.close()
    other.database.close()
