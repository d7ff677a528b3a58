"""docs/receipts.md: every status and every reason there is, and no other."""

from __future__ import annotations

import pytest

from fprom_middleware import Cancellation, Lead, Reason, Refund, Sale, Status
from fprom_middleware.api.protocol import read_answer
from tests.documents.recipes.documents import rows_of

EVENTS = (
    Lead(uid="7", tid="t"),
    Sale(uid="7", event_id="e", amount=1),
    Refund(uid="7", event_id="e", amount=1),
    Cancellation(uid="7"),
)
BODIES = (b"{}", b"", None)


def test_all_statuses_and_reasons() -> None:
    """In the order of the code."""
    assert [row[0] for row in rows_of("receipts.md", "`status`")] == list(Status)
    assert [row[0] for row in rows_of("receipts.md", "`reason`")] == list(Reason)


@pytest.mark.parametrize(
    "code", [*range(200, 209), *range(300, 309), *range(400, 432), *range(500, 505)]
)
def test_what_the_api_answers_stands_in_the_table(code: int) -> None:
    """Each answer to each kind: the reason is listed with the status that it comes with."""
    listed = {row[0]: row[1].split(", ") for row in rows_of("receipts.md", "`reason`")}

    for event in EVENTS:
        for body in BODIES:
            outcome = read_answer(event, code, body)
            if outcome.reason is not None:
                assert outcome.status in listed[outcome.reason], (event.kind, body)
