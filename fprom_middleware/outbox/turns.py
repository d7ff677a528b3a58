"""Each customer's events in their order: an event waits until every earlier one has ended.

Earlier is what the table has had for longer. A claim sets those aside that are not next; what ends
makes the next one due. Both lock the row of the account first, so that neither misses the other;
writing an event needs no look at others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..database.schema import leads
from .due import find_due
from .retry import LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from sqlalchemy.engine import Connection, Row

    Keys = tuple[int | None, int | None]
    """Of a customer: e-mail and uid."""

LONGEST_TURN_SECONDS: Final = 86400.0
"""For which an event waits for earlier ones; then it is sent, whatever became of them."""
LOOKS: Final = 10
"""How often one claim looks for others in place of those that have to wait."""

_earlier = leads.alias("earlier")


def find_next(
    connection: Connection, due: sa.ColumnElement[bool], most: int, *, probe: bool, now: float
) -> tuple[Sequence[Row[Any]], int]:
    """Read the due rows that are next, and set those aside that have to wait.

    Args:
        connection: Inside a transaction that has locked the row of the account.
        due: Of which rows.
        most: How many at the most.
        probe: As in `find_due`.
        now: Seconds since the epoch.

    Returns:
        The rows, and how many were set aside.
    """
    aside = 0
    rows: Sequence[Row[Any]] = ()
    for _ in range(LOOKS):
        found = find_due(connection, due, most, probe=probe)
        blocked = _find_blocked(connection, found, now=now)
        rows = [row for row in found if row.id not in blocked]
        if not blocked:
            break
        _set_aside(connection, [row for row in found if row.id in blocked], now=now)
        aside += len(blocked)
    return rows, aside


def _find_blocked(connection: Connection, rows: Iterable[Row[Any]], *, now: float) -> set[int]:
    may_wait = [row.id for row in rows if _waits_for_so_long(row.queued_at, now)]
    if not may_wait:
        return set()
    earlier = [
        sa.exists().where(
            _earlier.c[key] == leads.c[key],
            _earlier.c.id < leads.c.id,
            _earlier.c.due_at.is_not(None),
        )
        for key in ("email_key", "uid_key")
    ]
    found = sa.select(leads.c.id).where(leads.c.id.in_(may_wait), sa.or_(*earlier))
    return set(connection.scalars(found))


def _set_aside(connection: Connection, blocked: Sequence[Row[Any]], *, now: float) -> None:
    # The end of an earlier one makes them due; at the latest they are looked at in an hour.
    for row in blocked:
        ends = row.queued_at + LONGEST_TURN_SECONDS
        due_at = min(now + LONGEST_WAIT_SECONDS, max(ends, now))
        waits = sa.update(leads).where(leads.c.id == row.id)
        connection.execute(waits.values(due_at=due_at, blocked=1))


def free_next(connection: Connection, ended: Sequence[Keys], *, now: float) -> None:
    """Make due what waited for events that have ended.

    Args:
        connection: As in `find_next`.
        ended: Their keys, of e-mail and uid.
        now: Seconds since the epoch.
    """
    freed: set[int] = set()
    for number, column in enumerate((leads.c.email_key, leads.c.uid_key)):
        keys = {one[number] for one in ended} - {None}
        if keys:
            first = sa.select(sa.func.min(leads.c.id)).where(column.in_(keys), leads.c.blocked == 1)
            freed.update(connection.scalars(first.group_by(column)))
    if freed:
        waiting = sa.update(leads).where(leads.c.id.in_(freed), leads.c.blocked == 1)
        connection.execute(waiting.values(due_at=now, blocked=0))


def _waits_for_so_long(queued_at: object, now: float) -> bool:
    return isinstance(queued_at, int | float) and now - queued_at < LONGEST_TURN_SECONDS
