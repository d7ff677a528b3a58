"""What becomes of the rows of a batch that was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..database.order_keys import NO_KEYS
from ..database.schema import leads
from ..events.receipt import Status
from .turns import free_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

    from .claims import Answer, Claimed
    from .history import History


def write_answers(
    connection: Connection, answers: Sequence[Answer], history: History, *, now: float
) -> None:
    """Write down what was decided: a row is due later, kept as rejected, or delivered.

    What waited for an event that has ended is due now.

    Args:
        connection: Inside a transaction.
        answers: What was sent, and what was decided about it.
        history: What delivered events leave.
        now: Seconds since the epoch.
    """
    delivered = []
    for answer in answers:
        if answer.status in {Status.FAILED, Status.REJECTED}:
            _keep(connection, answer, now)
        else:
            delivered.append(answer)
    history.write(connection, delivered)
    free_next(connection, [a.claimed.keys for a in answers if a.retry is None], now=now)


def give_back(connection: Connection, unused: Sequence[Claimed], *, now: float) -> None:
    """Make rows due now that were claimed and not sent, where the lease is still theirs."""
    if unused:
        connection.execute(
            sa.update(leads)
            .where(leads.c.id.in_([item.id for item in unused]), leads.c.due_at == unused[0].lease)
            .values(due_at=now)
        )


def _keep(connection: Connection, answer: Answer, now: float) -> None:
    item, retry = answer.claimed, answer.retry
    values: dict[str, Any]
    if retry is None:
        values = {"due_at": None, "rejected_at": now, "reason": answer.reason, **NO_KEYS}
    else:
        values = {
            "due_at": retry.due_at,
            "failed_count": item.failed_count + retry.backed_off,
            "not_found_count": item.not_found_count + retry.not_found,
            "own_failures": item.own_failures + answer.own_failure,
        }
    connection.execute(
        sa.update(leads)
        .where(leads.c.id == item.id, leads.c.due_at == item.lease)
        .values(attempts=item.attempts + 1, tried_at=answer.at, **values)
    )
