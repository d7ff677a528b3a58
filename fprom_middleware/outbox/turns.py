"""Each customer's events in their order: an event waits until every earlier one has ended.

Earlier is what the table has had for longer. A claim sets those aside that are not next; what ends
makes the next one due. Both lock the row of the account first, so that neither misses the other;
writing an event needs no look at others.
"""

from __future__ import annotations

from collections import defaultdict
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
LOOKS: Final = 3
"""How often one claim looks for others in place of those that have to wait."""
ASIDE_AT_ONCE: Final = 500
"""How many rows more are looked through where one of them has to wait: a customer with a hundred
thousand events must not stand before all others for longer than it takes to set those aside."""
_KEYS_AT_ONCE: Final = 100

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
        more = find_due(connection, due, ASIDE_AT_ONCE, probe=False)
        blocked |= _find_blocked(connection, more, now=now)
        waiting = {row.id: row for row in (*found, *more) if row.id in blocked}
        _set_aside(connection, waiting.values(), now=now)
        aside += len(waiting)
    return rows, aside


def _find_blocked(connection: Connection, rows: Iterable[Row[Any]], *, now: float) -> set[int]:
    may_wait = [row.id for row in rows if _waits_for_so_long(row.queued_at, now)]
    if not may_wait:
        return set()
    wait = _stands_behind if connection.dialect.name == "postgresql" else _has_earlier
    found = sa.select(leads.c.id).where(
        leads.c.id.in_(may_wait), sa.or_(wait("email_key"), wait("uid_key"))
    )
    return set(connection.scalars(found))


def _has_earlier(key: str) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        _earlier.c[key] == leads.c[key],
        _earlier.c.id < leads.c.id,
        _earlier.c.due_at.is_not(None),
    )


def _stands_behind(key: str) -> sa.ColumnElement[bool]:
    # The same for PostgreSQL: whose the nearest row is that stands before this one in the index.
    # What it believes of how many rows a customer has lets it read the whole table otherwise, and
    # what was sent lies at the front of a customer's rows until the index is cleaned.
    place = _earlier.c[key], _earlier.c.id
    nearest = (
        sa.select(_earlier.c[key])
        .where(
            sa.tuple_(*place) < sa.tuple_(leads.c[key], leads.c.id),
            _earlier.c.due_at.is_not(None),
        )
        .order_by(*(column.desc() for column in place))
        .limit(1)
    )
    return leads.c[key] == nearest.scalar_subquery()


def _set_aside(connection: Connection, blocked: Iterable[Row[Any]], *, now: float) -> None:
    # The end of an earlier one makes them due; at the latest they are looked at in an hour.
    by_moment = defaultdict[float, list[int]](list)
    for row in blocked:
        ends = row.queued_at + LONGEST_TURN_SECONDS
        by_moment[min(now + LONGEST_WAIT_SECONDS, max(ends, now))].append(row.id)
    for due_at, ids in by_moment.items():
        waits = sa.update(leads).where(leads.c.id.in_(ids))
        connection.execute(waits.values(due_at=due_at, blocked=1))


def free_next(connection: Connection, ended: Iterable[Keys], *, now: float) -> None:
    """Make due what waited for events that have ended.

    Args:
        connection: As in `find_next`.
        ended: Their keys, of e-mail and uid; no row of an event that has ended has them any more.
        now: Seconds since the epoch.
    """
    # A key that is damaged is none: SQLite holds texts in a column of numbers.
    for number, column in enumerate((leads.c.email_key, leads.c.uid_key)):
        keys = sorted({key for one in ended if isinstance(key := one[number], int)})
        for page in range(0, len(keys), _KEYS_AT_ONCE):
            firsts = _find_firsts(connection, column, keys[page : page + _KEYS_AT_ONCE])
            if firsts:
                waiting = sa.update(leads).where(leads.c.id.in_(firsts), leads.c.blocked == 1)
                connection.execute(waiting.values(due_at=now, blocked=0))


def _find_firsts(
    connection: Connection, column: sa.Column[int | None], keys: Sequence[int]
) -> Sequence[int]:
    place = column, leads.c.id
    some = connection.execute(sa.select(*place).where(column.in_(keys)).limit(ASIDE_AT_ONCE)).all()
    if len(some) < ASIDE_AT_ONCE:
        # These are all there are, of most customers none.
        return list(dict(sorted((key, number) for key, number in some)[::-1]).values())
    # One step in the index for each of them, however many wait; by no other way, therefore not
    # "the first of this key".
    steps = [
        sa.select(*place, sa.literal(key, sa.BigInteger).label("ended"))
        .where(column >= key)
        .order_by(*place)
        .limit(1)
        .subquery()
        for key in keys
    ]
    found = connection.execute(sa.union_all(*map(sa.select, steps)))
    return [number for key, number, ended in found if key == ended]


def _waits_for_so_long(queued_at: object, now: float) -> bool:
    return isinstance(queued_at, int | float) and now - queued_at < LONGEST_TURN_SECONDS
