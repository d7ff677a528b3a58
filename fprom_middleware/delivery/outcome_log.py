"""What the log says of an event that has ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from ..events.event import Kind
from ..events.log_line import log_line
from ..events.receipt import Status

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent
    from ..events.receipt import Reason

_WITH_EVENT_ID: Final = frozenset({Kind.SALE, Kind.REFUND})

logger: logging.Logger = logging.getLogger(__name__)


def log_end(
    event: AnyEvent,
    status: Status,
    reason: Reason | None,
    *,
    first: bool,
    row_id: int | None = None,
    trace: str | None = None,
) -> None:
    """Say it where a person may have to look; most ends are none of their business.

    Args:
        event: The event.
        status: How it ended; ``failed`` says nothing here.
        reason: Why.
        first: Whether this was its first call.
        row_id: Its row in the outbox.
        trace: Which request it is of.
    """
    kind, noun = event.kind, event.kind.noun
    about: dict[str, Any] = {
        "kind": kind,
        "status": status,
        "reason": reason,
        "row_id": row_id,
        "trace": trace,
    }
    if status is Status.REJECTED:
        text = "FirstPromoter rejected a %s (%s): %r"
        log_line(logger, logging.WARNING, text, noun, reason, event, **about)
    elif status is Status.DUPLICATE and first and kind in _WITH_EVENT_ID:
        text = (
            "FirstPromoter had this %s's event_id before its first call: an id used twice is "
            "credited once. A renewal needs the id of its own payment. %r"
        )
        log_line(logger, logging.WARNING, text, noun, event, **about)
    elif status is Status.SKIPPED:
        log_line(logger, logging.DEBUG, "A %s is of no referral's customer.", noun, **about)
