"""A process that was stopped for longer than its lease, and then goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from tests.support.leads import answers, make_lead, put_leads

if TYPE_CHECKING:
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeOutbox

SENT = Outcome(Status.SENT, code=200)


def test_a_late_settlement_takes_no_other_lead(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """What it sent is settled, and a newer lead that got the same row id is left alone."""
    stopped, other = (outbox_at(database_url) for _ in range(2))
    put_leads(stopped, make_lead("old"))
    late = stopped.claim(1).claimed[0]
    clock.later(3600)
    again = other.claim(1).claimed[0]
    other.settle(answers([again], SENT, clock()))
    put_leads(other, make_lead("new"))
    stopped.settle(answers([late], SENT, clock()))

    assert [item.event.uid for item in other.claim(1).claimed] == ["new"]
