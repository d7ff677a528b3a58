"""Which rows may be sent now, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .payload import read_number
from .retry import LONGEST_WAIT_SECONDS
from .schema import leads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

    Order = tuple[sa.ColumnElement[Any], ...]


def is_due(now: float, lease: float) -> sa.ColumnElement[bool]:
    """Return the condition of rows that are due, those that a wrong clock has left included.

    Args:
        now: Seconds since the epoch.
        lease: Seconds that a lease lasts.
    """
    return sa.or_(leads.c.due_at <= now, leads.c.due_at > _latest(now, lease))


def next_due(
    connection: Connection, pending: sa.ColumnElement[bool], *, now: float, lease: float
) -> float | None:
    """Say when the next row is due, in seconds since the epoch; None where none waits."""
    due_at = leads.c.due_at
    ends = sa.select(sa.func.min(due_at), sa.func.max(due_at)).where(pending)
    first, last = connection.execute(ends).one()
    if first is None:
        return None
    first, last = read_number(first), read_number(last)
    wrong = first is None or last is None or last > _latest(now, lease)
    return now if wrong else first


def find_due(
    connection: Connection, due: sa.ColumnElement[bool], most: int, *, probe: bool
) -> Sequence[Row[Any]]:
    """Read due rows and lock them: the new ones first, then those that are tried again.

    Args:
        connection: Inside a transaction.
        due: The condition of `is_due`, and whose rows.
        most: How many at the most.
        probe: True takes of the least tried the newest and the oldest, so that no row stands
            before all others.
    """
    queue: Order = (leads.c.queued_at, leads.c.id)
    parts: list[tuple[int, sa.ColumnElement[bool], Order]]
    if probe:
        newest = [column.desc() for column in queue]
        parts = [
            (most // 2, sa.true(), (leads.c.attempts, *newest)),
            (most, sa.true(), (leads.c.attempts, *queue)),
        ]
    else:
        new, order = leads.c.attempts == 0, (leads.c.due_at, leads.c.id)
        parts = [(most, new, order), (most, ~new, order)]
    rows: dict[int, Row[Any]] = {}
    for many, which, sequence in parts:
        left = min(many, most - len(rows))
        if left > 0:
            statement = (
                sa.select(leads)
                .where(due, which, leads.c.id.not_in(rows))
                .order_by(*sequence)
                .limit(left)
            )
            # The lock is left out where BEGIN IMMEDIATE does its work.
            found = connection.execute(statement.with_for_update(skip_locked=True))
            rows |= {row.id: row for row in found}
    return list(rows.values())


def _latest(now: float, lease: float) -> float:
    # No clock that is right makes a row due later than this.
    return now + LONGEST_WAIT_SECONDS + lease
