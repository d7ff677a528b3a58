"""A log line as text for a person and as fields for a program, neither with personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


def log_line(
    logger: logging.Logger,
    level: int,
    text: str,
    *args: object,
    kind: str | None = None,
    status: str | None = None,
    reason: str | None = None,
    row_id: int | None = None,
    trace: str | None = None,
) -> None:
    """Log what became of an event, with the same five fields in each line.

    Args:
        logger: Of the module that calls.
        level: As in `logging`.
        text: As in `logging`; the request is named at its end, where it is known.
        *args: As in `logging`.
        kind: What the event is about; like the others None where the line is about none.
        status: What became of it.
        reason: Why.
        row_id: Its row in the outbox.
        trace: Which request it is of, as `fprom_middleware.visitor.trace` reads it.
    """
    if trace is not None:
        text, args = f"{text} [request %s]", (*args, trace)
    fields = {
        # Plain text: what is handed in are members of enumerations.
        "kind": kind and str(kind),
        "status": status and str(status),
        "reason": reason and str(reason),
        "row_id": row_id,
        "request_id": trace,
    }
    try:
        logger.log(level, text, *args, extra=fields, stacklevel=2)
    except KeyError:
        # The app's own record factory sets one of these on every record, and logging refuses.
        logger.log(level, text, *args, stacklevel=2)
