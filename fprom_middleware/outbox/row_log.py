"""What the log says of a row that cannot be read or written."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..database.refusal import name_refusal
from ..events.log_line import log_line
from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError

logger: logging.Logger = logging.getLogger(__name__)


def log_unreadable(row_id: int) -> None:
    """Say that a row is damaged."""
    log_line(
        logger,
        logging.ERROR,
        "Row %d of the outbox cannot be read: it is kept as rejected.",
        row_id,
        status=Status.REJECTED,
        reason=Reason.UNREADABLE,
        row_id=row_id,
    )


def log_unsettled(row_id: int, error: SQLAlchemyError) -> None:
    """Say that what became of a row cannot be written down."""
    # No traceback: a driver's text can quote the row.
    log_line(
        logger,
        logging.ERROR,
        "Row %d of the outbox cannot be settled (%s).",
        row_id,
        name_refusal(error),
        reason=Reason.DATABASE,
        row_id=row_id,
    )
