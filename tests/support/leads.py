"""Sign-ups: visitors, leads, and what comes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fprom_middleware import Lead, TrackingContext
from fprom_middleware.outbox.retry import decide
from fprom_middleware.outbox.store import Answer
from tests.support.clock import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fprom_middleware import Fprom
    from fprom_middleware.api.protocol import Outcome
    from fprom_middleware.outbox.store import Claimed

VISITOR = TrackingContext(tid="tid-of-a-visitor", ip="203.0.113.9")


def make_lead(uid: object = 1) -> Lead:
    """Return one of many leads."""
    return Lead(uid=str(uid), tid="tid-of-a-visitor", created_at=datetime.fromtimestamp(START, UTC))


def make_leads(count: int) -> Iterator[Lead]:
    """Return many leads."""
    return (make_lead(number) for number in range(count))


def sign_up(fprom: Fprom, count: int = 1) -> None:
    """Hand in so many sign-ups, each of which must be written."""
    for number in range(count):
        assert fprom.track_signup(VISITOR, uid=number).durable


def answers(claimed: Sequence[Claimed], outcome: Outcome, at: float) -> list[Answer]:
    """Say that the same came of all these leads, as a drain does."""
    return [
        Answer(
            item,
            outcome,
            at,
            decide(outcome, attempts=item.attempts, not_found_count=item.not_found_count, now=at),
        )
        for item in claimed
    ]
