"""Draining for ever: sleep until something is due, and back off while the database is away."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from ..database.refusal import name_refusal
from ..events.log_line import log_line
from ..events.receipt import Reason
from ..outbox.stats import no_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..outbox.stats import Counts
    from ..outbox.store import Outbox
    from .waiting import WaitingQueue

LONG_SLEEP_SECONDS: Final = 30.0
SHORT_SLEEP_SECONDS: Final = 0.25
"""Seconds between looks while a caller's own transaction may be about to commit."""
COMMIT_WAIT: Final = 10.0
"""Seconds for which such a transaction is waited for."""
FIRST_BACKOFF_SECONDS: Final = 0.5

logger: logging.Logger = logging.getLogger(__name__)


class Drainable(Protocol):
    """What a loop drains: a delivery whose events wait.

    Attributes:
        clock: Seconds since the epoch.
        outbox: Where durable events wait.
        stopping: Set when the process ends.
        waiting: Where events wait that the database refused.
    """

    clock: Callable[[], float]
    outbox: Outbox
    stopping: threading.Event
    waiting: WaitingQueue

    def drain(
        self, *, stop: threading.Event | None, on_progress: Callable[[Counts], None] | None
    ) -> Counts:
        """Send what is due."""
        ...

    def next_due(self) -> float | None:
        """Say when there is something to do, in seconds since the epoch."""
        ...


class DrainLoop:
    """Drains a delivery until it is told to stop.

    Args:
        delivery: What to drain.
        stop: Ends the loop between two calls; by default the end of the delivery does.
        on_progress: Called after each batch with all calls so far, by what they came to.
        longest_sleep: Seconds between looks at an outbox in which nothing waits: other processes
            may have written to it.
        survives: What does not end the loop; by default it outlives whatever goes wrong.
    """

    def __init__(
        self,
        delivery: Drainable,
        *,
        stop: threading.Event | None = None,
        on_progress: Callable[[Counts], None] | None = None,
        longest_sleep: float = LONG_SLEEP_SECONDS,
        survives: tuple[type[Exception], ...] = (Exception,),
    ) -> None:
        self._delivery = delivery
        self._stop = stop or delivery.stopping
        self._on_progress = on_progress
        self._longest_sleep = longest_sleep
        self._survives = survives
        self._total = no_counts()
        self._wake = threading.Event()
        self._commit_expected_until = 0.0
        self._stops_when_idle = False

    def wake(self, *, expect_commit: bool = False) -> None:
        """Say that there is something to do.

        Args:
            expect_commit: True where it shows only once a caller's transaction commits.
        """
        if expect_commit:
            self._commit_expected_until = time.monotonic() + COMMIT_WAIT
        self._wake.set()

    def stop(self) -> None:
        """End the loop after the call in flight."""
        self._stop.set()
        self._wake.set()

    def stop_when_idle(self) -> None:
        """End the loop once nothing is due: no caller is left who could hand in an event."""
        self._stops_when_idle = True
        self._wake.set()

    def run(self) -> Counts:
        """Drain until `stop`.

        Returns:
            All calls, by what they came to.
        """
        backoff = FIRST_BACKOFF_SECONDS
        while not self._stop.is_set():
            self._wake.clear()
            try:
                counts = self._delivery.drain(stop=self._stop, on_progress=self._progress)
                self._total = _sum(self._total, counts)
                due = self._delivery.next_due()
            except self._survives as error:
                _log_refusal(error)
                self._wake.wait(backoff)
                backoff = min(backoff * 2, LONG_SLEEP_SECONDS)
                continue
            if self._stops_when_idle and not self._delivery.waiting:
                self._delivery.outbox.database.close()
                break
            sleep = self._sleep(due)
            if self._delivery.waiting:
                # What waits in memory is tried again, ever more rarely.
                self._wake.wait(min(sleep, backoff))
                backoff = min(backoff * 2, LONG_SLEEP_SECONDS)
                continue
            backoff = FIRST_BACKOFF_SECONDS
            self._wake.wait(sleep)
        return self._total

    def _progress(self, counts: Counts) -> None:
        if self._on_progress is not None:
            self._on_progress(_sum(self._total, counts))

    def _sleep(self, due: float | None) -> float:
        sleep = self._longest_sleep
        if due is not None:
            sleep = max(0.0, min(due - self._delivery.clock(), sleep))
        expected = time.monotonic() < self._commit_expected_until
        return min(sleep, SHORT_SLEEP_SECONDS) if expected else sleep


def _log_refusal(error: Exception) -> None:
    # No traceback: a driver's text can quote a row.
    text = "The outbox cannot be drained (%s)."
    log_line(logger, logging.ERROR, text, name_refusal(error), reason=Reason.DATABASE)


def _sum(first: Counts, second: Counts) -> Counts:
    return {name: count + second[name] for name, count in first.items()}
