"""Deleting what ended and was kept long enough: one way for rejected and delivered events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..database.schema import leads
from .due import DELIVERED, REJECTED

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ..database.database import Database
    from .history import History

KEEP_REJECTED_SECONDS: Final = 30 * 86400.0
"""Seconds for which rejected events are kept for a person to look at."""
PURGE_PAGE: Final = 500
"""Rows of one transaction: a view may wait for it."""
PURGE_AT_ONCE: Final = 20 * PURGE_PAGE
"""Rows after which the drain goes on with what is due."""


def purge_ended(
    database: Database, account: str, history: History, *, now: float, bound: float
) -> int:
    """Delete an account's events that were kept long enough.

    Args:
        database: Where they are.
        account: FirstPromoter's account id.
        history: Says how long delivered events are kept.
        now: Seconds since the epoch.
        bound: Seconds for which a server's answer is waited for.

    Returns:
        How many; `PURGE_AT_ONCE` where there are more.
    """
    done = 0
    while done < PURGE_AT_ONCE:
        page = database.run(
            lambda connection: _delete_page(connection, account, history, now=now),
            bound=bound,
        )
        done += page
        if page < PURGE_PAGE:
            break
    return done


def _delete_page(connection: Connection, account: str, history: History, *, now: float) -> int:
    done = 0
    for old in (
        sa.and_(*REJECTED, leads.c.rejected_at < now - KEEP_REJECTED_SECONDS),
        sa.and_(*DELIVERED, leads.c.delivered_at <= now - history.seconds),
    ):
        which = sa.select(leads.c.id).where(leads.c.account == account, old)
        ids = connection.scalars(which.limit(PURGE_PAGE - done)).all()
        if ids:
            connection.execute(sa.delete(leads).where(leads.c.id.in_(ids), old))
        done += len(ids)
    return done
