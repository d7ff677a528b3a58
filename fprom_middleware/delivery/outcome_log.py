"""What the log says of an event that has ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from ..events.event import Kind
from ..events.receipt import Status

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent
    from ..events.receipt import Reason

_WITH_EVENT_ID: Final = frozenset({Kind.SALE, Kind.REFUND})

logger: logging.Logger = logging.getLogger(__name__)


def log_end(event: AnyEvent, status: Status, reason: Reason | None, *, first: bool) -> None:
    """Say it where a person may have to look; most ends are none of their business.

    Args:
        event: The event.
        status: How it ended; ``failed`` says nothing here.
        reason: Why.
        first: Whether this was its first call.
    """
    kind = event.kind
    if status is Status.REJECTED:
        logger.warning("FirstPromoter rejected a %s (%s): %r", kind.noun, reason, event)
    elif status is Status.DUPLICATE and first and kind in _WITH_EVENT_ID:
        logger.warning(
            "FirstPromoter had this %s's event_id before its first call: an id used twice is "
            "credited once. A renewal needs the id of its own payment. %r",
            kind.noun,
            event,
        )
    elif status is Status.SKIPPED:
        logger.debug("A %s is of no referral's customer.", kind.noun)
