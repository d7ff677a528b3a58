"""The background thread that drains the outbox of one process."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Final

from .waiting import cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..outbox.store import Outbox
    from .drain import Drain

LONG_SLEEP: Final = 30.0
"""Seconds between looks at an outbox in which nothing waits: others may have written to it."""
SHORT_SLEEP: Final = 0.25
"""Seconds between looks while a caller's own transaction may be about to commit."""
RESTLESS: Final = 10.0
"""Seconds for which such a transaction is waited for."""
PURGE_EVERY: Final = 3600.0
"""Seconds between looks for rejected leads that were kept long enough."""
_FIRST_BACKOFF: Final = 0.5

logger = logging.getLogger(__name__)


class Worker:
    """A daemon thread: a process that ends does not wait for it, and its rows are safe.

    Args:
        drain: What to pump.
        outbox: Asked when the next lead is due.
        flush: Writes what waits in memory.
        clock: Seconds since the epoch.
        stopping: Ends the thread.
    """

    def __init__(
        self,
        drain: Drain,
        outbox: Outbox,
        *,
        flush: Callable[[], object],
        clock: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._drain = drain
        self._outbox = outbox
        self._flush = flush
        self._clock = clock
        self._stopping = stopping
        self._wake = threading.Event()
        self._restless_until = 0.0
        self._retired = False
        self._thread = threading.Thread(target=self._run, name="fprom-drain", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self, *, restless: bool = False) -> None:
        """Say that there is something to do.

        Args:
            restless: True where it shows only once somebody else commits.
        """
        if restless:
            self._restless_until = time.monotonic() + RESTLESS
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """End the thread; the call in flight may finish within so many seconds."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def retire(self) -> None:
        """End the thread once nothing is due: nobody is left who could hand in a lead."""
        self._retired = True
        self._wake.set()

    def _run(self) -> None:
        backoff = _FIRST_BACKOFF
        purged_at = -2 * PURGE_EVERY
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._flush()
                self._drain.run()
                if not 0.0 <= self._clock() - purged_at <= PURGE_EVERY:
                    self._outbox.purge()
                    purged_at = self._clock()
                due = self._outbox.next_due()
            except Exception as error:  # noqa: BLE001 - the database may be away; the rows are not
                # No traceback: a driver's text can quote a row.
                logger.error("The outbox cannot be drained (%s).", cause(error))  # noqa: TRY400 - as above
                self._wake.wait(backoff)
                backoff = min(backoff * 2, LONG_SLEEP)
                continue
            if self._retired:
                self._outbox.database.close()
                return
            backoff = _FIRST_BACKOFF
            self._wake.wait(self._sleep(due))

    def _sleep(self, due: float | None) -> float:
        sleep = LONG_SLEEP if due is None else max(0.0, min(due - self._clock(), LONG_SLEEP))
        return min(sleep, SHORT_SLEEP) if time.monotonic() < self._restless_until else sleep
