"""What an answer means to the app that called."""

from __future__ import annotations

import pytest

from fprom_middleware.sandbox import Kind
from fprom_middleware.sandbox.page.outcomes import MARKS, Look, judge_outcome


@pytest.mark.parametrize(
    ("kind", "status", "tries", "look", "words"),
    [
        ("signup", 200, 1, "delivered", "delivered"),
        ("signup", 422, 1, "delivered", "known already"),
        ("sale", 409, 1, "delivered", "known already"),
        ("signup", 404, 1, "again", "unknown visitor, comes again"),
        ("signup", 404, 4, "again", "unknown visitor, comes again"),
        ("signup", 404, 5, "act", "unknown visitor"),
        ("sale", 404, 1, "again", "unknown visitor, comes again"),
        ("sale", 404, 5, "neutral", "no referral"),
        ("refund", 204, 1, "neutral", "no referral"),
        ("signup", 0, 1, "again", "no answer"),
        ("signup", 400, 1, "act", "bad request"),
        ("signup", 401, 3, "act", "wrong key or account"),
        ("signup", 403, 1, "act", "forbidden"),
        ("signup", 429, 1, "again", "too many, comes again"),
        ("signup", 500, 9, "again", "comes again"),
        ("signup", 503, 1, "again", "comes again"),
        ("signup", 418, 1, "again", "comes again"),
    ],
)
def test_a_status_has_a_meaning(kind: str, status: int, tries: int, look: str, words: str) -> None:
    """Green is done, amber comes again by itself, red waits for a person."""
    outcome = judge_outcome(Kind(kind), status, tries=tries, has_tid=True)

    assert (outcome.look, outcome.words) == (look, words)


def test_a_sale_of_a_stranger_is_no_fault() -> None:
    """Without a tid a 404 says that the customer is no referral: there is nothing to do."""
    assert judge_outcome(Kind.SALE, 404, tries=1, has_tid=False).look is Look.NEUTRAL


def test_each_look_has_a_mark_of_its_own() -> None:
    """The list can be read without colour."""
    assert set(MARKS) == set(Look)
    assert len(set(MARKS.values())) == len(Look)
