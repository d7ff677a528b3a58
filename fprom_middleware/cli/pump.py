"""`Fprom.drain` in short pieces: they can be watched, and stopped between two calls."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..outbox.admin import inspect_outbox
from ..outbox.stats import no_counts
from .decorators import refusal

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from ..account import Fprom
    from ..outbox.stats import Counts

PIECE: Final = 0.5
"""Seconds after which a piece begins no further call."""
POLL: Final = 0.5
"""Seconds between looks at an outbox in which nothing may be sent right now."""
_PURGE_EVERY: Final = 3600.0
_LONGEST_BACKOFF: Final = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When to stop.

    Attributes:
        limit: Calls at the most.
        seconds: After which no further call is begun.
        wait: True goes on until nothing is pending.
        watch: True goes on for ever, also while the database is away.
    """

    limit: int | None = None
    seconds: float | None = None
    wait: bool = False
    watch: bool = False


def pump(
    fprom: Fprom, until: Until, *, stop: threading.Event, tell: Callable[[Counts], None]
) -> Counts:
    """Drain.

    Args:
        fprom: Whose outbox.
        until: When to stop.
        stop: Stops it before that; the call in flight is finished.
        tell: Called after each piece with the calls so far.

    Returns:
        Calls by what they came to.

    Raises:
        SQLAlchemyError: The database refused, and `until.watch` is False.
        FpromConfigError: The tables are of another version.
    """
    total = no_counts()
    begun = time.monotonic()
    purged, backoff = -_PURGE_EVERY, POLL
    while not stop.is_set():
        spent = time.monotonic() - begun
        rest = PIECE if until.seconds is None else min(PIECE, until.seconds - spent)
        left = None if until.limit is None else until.limit - sum(total.values())
        if rest <= 0 or (left is not None and left <= 0):
            break
        try:
            counts = fprom.drain(limit=left, seconds=rest)
            if spent - purged >= _PURGE_EVERY:
                # The background thread does it for the apps that have one.
                with inspect_outbox(fprom.settings, fprom.clock) as inspection:
                    inspection.outbox.purge()
                purged = spent
            over = not any(counts.values()) and not _goes_on(fprom, until)
        except Exception as error:
            cause = refusal(error)
            if cause is None or not until.watch:
                raise
            logger.error("The outbox cannot be drained (%s).", cause)  # noqa: TRY400 - a driver's text can quote a row
            stop.wait(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)
            continue
        backoff = POLL
        for name, count in counts.items():
            total[name] += count
        tell(total)
        if over:
            break
        if not any(counts.values()):
            stop.wait(POLL if until.seconds is None else max(0.0, min(POLL, until.seconds - spent)))
    return total


def _goes_on(fprom: Fprom, until: Until) -> bool:
    return until.watch or (until.wait and fprom.stats().pending > 0)
