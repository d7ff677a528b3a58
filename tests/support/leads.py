"""Sign-ups: visitors, leads, and what comes of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fprom_middleware import Fprom, Lead, TrackingContext
from fprom_middleware.database.schema import leads as table
from fprom_middleware.database.statements import insert_new
from fprom_middleware.outbox.claims import Answer
from fprom_middleware.outbox.retry import decide
from tests.support.clock import START

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fprom_middleware.api.protocol import Outcome
    from fprom_middleware.outbox.claims import Claimed
    from fprom_middleware.outbox.store import Outbox

VISITOR = TrackingContext(tid="tid-of-a-visitor", ip="203.0.113.9")


def make_lead(uid: object = 1) -> Lead:
    """Return one of many leads."""
    return Lead(uid=str(uid), tid="tid-of-a-visitor", created_at=datetime.fromtimestamp(START, UTC))


def make_leads(count: int) -> Iterator[Lead]:
    """Return many leads."""
    return (make_lead(number) for number in range(count))


def put_leads(outbox: Outbox, *leads: Lead) -> None:
    """Write leads into an outbox, in one transaction."""
    rows = [outbox.row(lead) for lead in leads]
    outbox.database.run(
        lambda connection: connection.execute(insert_new(table, connection.dialect.name), rows)
    )


def sign_up(fprom: Fprom, count: int = 1) -> None:
    """Hand in so many sign-ups, each of which must be written."""
    for number in range(count):
        assert fprom.track_signup(VISITOR, uid=number).durable


def sign_up_in(environ: Mapping[str, str], *emails: str) -> None:
    """Hand in sign-ups, as a web process with this environment does that sends nothing itself."""
    fprom = Fprom({**_ours(environ), "FPROM_WORKER": "none"})
    for email in emails:
        assert fprom.track_signup(VISITOR, email).durable
    fprom.close()


def pending_in(environ: Mapping[str, str]) -> int:
    """Count what waits in the outbox that an environment names."""
    fprom = Fprom({**_ours(environ), "FPROM_WORKER": "none"})
    try:
        return fprom.stats().pending
    finally:
        fprom.close()


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environ.items() if key.startswith("FPROM_")}


def answers(claimed: Sequence[Claimed], outcome: Outcome, at: float) -> list[Answer]:
    """Say that the same came of all these leads, as a drain does."""
    return [
        Answer(
            claimed=item,
            outcome=outcome,
            at=at,
            retry=decide(
                outcome,
                failed_count=item.failed_count,
                not_found_count=item.not_found_count,
                now=at,
            ),
        )
        for item in claimed
    ]
