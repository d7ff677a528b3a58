"""The figures of an account, counted in its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..database.schema import leads
from .due import REJECTED
from .payload import read_number
from .stats import Stats

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from .throttle import CircuitBreaker


def read_stats(
    connection: Connection,
    account: str,
    breaker: CircuitBreaker,
    *,
    now: float,
    not_durable: int = 0,
) -> Stats:
    """Count an account's rows.

    Args:
        connection: Inside a transaction.
        account: FirstPromoter's account id.
        breaker: What pauses the account, for these credentials.
        now: Seconds since the epoch.
        not_durable: Events in this process's memory.

    Returns:
        The figures.
    """
    mine = leads.c.account == account
    pending, oldest = connection.execute(
        sa.select(sa.func.count(), sa.func.min(leads.c.queued_at)).where(
            mine, leads.c.due_at.is_not(None)
        )
    ).one()
    rejected = connection.scalar(sa.select(sa.func.count()).where(mine, *REJECTED))
    oldest = read_number(oldest)
    paused = breaker.paused_until is not None
    return Stats(
        pending=pending + not_durable,
        oldest_age=None if oldest is None else max(now - oldest, 0.0),
        rejected=rejected or 0,
        paused=breaker.pause_reason if paused else None,
        paused_since=breaker.paused_since if paused else None,
        next_try_at=breaker.next_at(now=now) if paused else None,
        not_durable=not_durable,
    )
