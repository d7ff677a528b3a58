"""Which rows may be sent now, and in which order; and which have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..database.schema import leads
from .payload import read_number
from .retry import LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Row

    Order = tuple[sa.ColumnElement[Any], ...]


REJECTED: Final = (leads.c.due_at.is_(None), leads.c.delivered_at.is_(None))
"""Rows that are kept for a person to look at."""
DELIVERED: Final = (leads.c.due_at.is_(None), leads.c.delivered_at.is_not(None))
"""Rows that are history."""


def find_first(connection: Connection, pending: sa.ColumnElement[bool]) -> float | None:
    """Read when the first row is due, in seconds since the epoch; None where none waits."""
    first = connection.scalar(_ends(pending, leads.c.due_at))
    # What is not a number is mended as being due.
    return None if first is None else read_number(first) or 0.0


def is_wrong(
    connection: Connection, pending: sa.ColumnElement[bool], *, now: float, lease: float
) -> bool:
    """Say whether a row is due later than any clock that is right can have made it."""
    last = connection.scalar(_ends(pending, leads.c.due_at.desc()))
    number = read_number(last)
    return last is not None and (number is None or number > _latest(now, lease))


def mend(
    connection: Connection, pending: sa.ColumnElement[bool], *, now: float, lease: float
) -> None:
    """Make such rows due now."""
    wrong = leads.c.due_at > _latest(now, lease)
    connection.execute(sa.update(leads).where(pending, wrong).values(due_at=now))


def find_due(
    connection: Connection, due: sa.ColumnElement[bool], most: int, *, probe: bool
) -> Sequence[Row[Any]]:
    """Read due rows and lock them: the new ones first, then those that are tried again.

    Args:
        connection: Inside a transaction.
        due: Of which rows.
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
        order = (leads.c.due_at, leads.c.id)
        parts = [(most, leads.c.attempts == 0, order), (most, sa.true(), order)]
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


def _ends(
    pending: sa.ColumnElement[bool], order: sa.ColumnElement[Any]
) -> sa.Select[tuple[float | None]]:
    # One end of the index: for min() and max() MariaDB reads it from one end to the other.
    return sa.select(leads.c.due_at).where(pending).order_by(order).limit(1)


def _latest(now: float, lease: float) -> float:
    # No clock that is right makes a row due later than this.
    return now + LONGEST_WAIT_SECONDS + lease
