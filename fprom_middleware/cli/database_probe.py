"""Whether the outbox's database takes a write, found out by writing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..events.lead import Lead
from ..outbox.schema import leads
from ..outbox.store import insert_lead

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from ..outbox.admin import Inspection

ACCOUNT: Final = "#check"
"""Whose the row is: no drainer ever claims it."""


def write_and_delete(inspection: Inspection) -> float:
    """Commit a row's insertion and deletion in one transaction: nothing stays behind.

    Args:
        inspection: Whose database.

    Returns:
        Seconds that it took, without the opening.

    Raises:
        SQLAlchemyError: The database refused.
        OSError: The file cannot be made.
        FpromConfigError: The tables are of another version.
    """
    outbox = inspection.outbox
    row = outbox.row(Lead()) | {"account": ACCOUNT, "due_at": None}

    def work(connection: Connection) -> float:
        begun = time.perf_counter()
        connection.execute(insert_lead, row)
        connection.execute(sa.delete(leads).where(leads.c.account == ACCOUNT))
        return begun

    begun = outbox.database.run(work)
    return time.perf_counter() - begun
