"""The outbox as a person looks at it, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Sale
from fprom_middleware.events.event import Kind
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.admin import Inspection, State
from fprom_middleware.outbox.stats import Stats
from tests.outbox.test_store import BAD_REQUEST, settle
from tests.support.accounts import ACCOUNT
from tests.support.clock import START
from tests.support.leads import make_lead, put_leads

if TYPE_CHECKING:
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeOutbox


@pytest.fixture
def inspection(outbox_at: MakeOutbox, database_url: str, clock: Clock) -> Inspection:
    """Six events: two were rejected, the rest waits; the last two are sales."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead(1), make_lead(2))
    settle(outbox, outbox.claim(2), BAD_REQUEST, START)
    put_leads(outbox, make_lead(3), make_lead(4))
    for number in (5, 6):
        outbox.put(outbox.row(Sale(email="ann@example.com", event_id=str(number), amount=1)))
    return Inspection(outbox, ACCOUNT, clock)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [6, 5, 4, 3, 2, 1]),
        ({"before": 3}, [2, 1]),
        ({"before": 10**30}, [6, 5, 4, 3, 2, 1]),
        ({"state": State.PENDING}, [6, 5, 4, 3]),
        ({"state": State.REJECTED}, [2, 1]),
        ({"kind": Kind.SALE}, [6, 5]),
        ({"kind": Kind.SIGNUP, "state": State.PENDING, "before": 4}, [3]),
    ],
)
def test_a_page_holds_what_is_asked_for(
    inspection: Inspection, wanted: dict[str, Any], ids: list[int]
) -> None:
    """The newest first, and as many as fit on it."""
    assert [row.id for row in inspection.newest(100, **wanted)] == ids
    assert [row.id for row in inspection.newest(1, **wanted)] == ids[:1]


def test_events_are_found_by_their_ids(inspection: Inspection) -> None:
    """Those there are; a number that no database can hold is none of them."""
    assert [row.id for row in inspection.among([5, 1, 99, 10**30])] == [1, 5]
    assert inspection.find(10**30) is None


def test_a_row_says_what_became_of_it_and_for_whom(inspection: Inspection) -> None:
    """Masked, in its repr too: rows stand in frames that a debug page shows."""
    sale, lead = inspection.among([1, 5])[::-1]

    assert (sale.state, sale.who) == (State.PENDING, "a***@example.com")
    assert (lead.state, lead.who) == (State.REJECTED, "uid …")
    assert "ann@example.com" not in repr(sale)


@pytest.mark.parametrize(
    ("paused", "advice"),
    [
        (None, "None"),
        (Reason.UNAUTHORIZED, "Check FPROM_API_KEY and FPROM_ACCOUNT_ID; nothing is dropped."),
        (Reason.RATE_LIMITED, "It ends by itself once a call gets through."),
    ],
)
def test_a_pause_is_told_with_what_ends_it(paused: str | None, advice: str) -> None:
    """Refused credentials are for a person to put right."""
    assert str(Stats(paused=paused).advice) == advice
