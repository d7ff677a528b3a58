"""Delivery by outbox: a lead is one committed row, and something drains it later."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import InternalError, PendingRollbackError

from ..errors import FpromConfigError
from ..events.receipt import Reason, Receipt, Status
from ..outbox.store import open_outbox
from ..outbox.transactions.writer import TransactionWriter
from ..settings.choices import WorkerMode
from .drain import Drain
from .off_loop import run_off_loop
from .thread import DrainThread
from .waiting import WaitingQueue, cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.client import TrackingApi
    from ..events.lead import Lead
    from ..outbox.stats import Counts, Stats
    from ..settings.model import FpromSettings

_FAILED_TRANSACTION: Final = "25P02"
PURGE_EVERY_SECONDS: Final = 3600.0
"""Seconds between looks for rejected leads that were kept long enough."""
GRACE_SECONDS: Final = 2.0
"""Seconds for which the end of the process waits for the call in flight."""

logger = logging.getLogger(__name__)


class OutboxDelivery:
    """Leads go into the outbox, or into memory where its database refuses.

    Args:
        settings: The account's settings.
        api: Where the drain sends leads.
        clock: Seconds since the epoch.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """

    def __init__(
        self, settings: FpromSettings, api: TrackingApi, *, clock: Callable[[], float]
    ) -> None:
        self.clock = clock
        self.outbox = open_outbox(settings, clock)
        self.waiting = WaitingQueue()
        self.stopping = threading.Event()
        self._settings = settings
        self._api = api
        self._drain = Drain(settings, self.outbox, api, clock=clock, stopping=self.stopping)
        self._writer = TransactionWriter(self.outbox.database, settings.account_id or "")
        self._thread: DrainThread | None = None
        self._purged_at: float | None = None
        self._lock = threading.Lock()

    def accept(self, lead: Lead, *, session: Any = None) -> Receipt:
        """Write the lead, in the caller's own transaction where there is one."""
        if session is None:
            return self._put(lead)
        try:
            self._writer.write(self.outbox.row(lead), session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return self._not_joined(lead, error)
        return self._queued(lead, expect_commit=True)

    async def accept_async(self, lead: Lead, *, session: Any = None) -> Receipt:
        """Write the lead in a thread; a cancelled view does not take it along."""
        if session is None:
            return await run_off_loop(lambda: self._put(lead))
        try:
            await run_off_loop(self._writer.prepare)
            await self._writer.write_async(self.outbox.row(lead), session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return self._not_joined(lead, error)
        return self._queued(lead, expect_commit=True)

    def start(self) -> None:
        """Start this process's thread, where the settings ask for one."""
        if self._settings.worker is not WorkerMode.THREAD or self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                thread = DrainThread(self)
                thread.start()
                self._thread = thread

    def drain(
        self,
        *,
        limit: int | None = None,
        seconds: float | None = None,
        wait: bool = False,
        stop: threading.Event | None = None,
        on_progress: Callable[[Counts], None] | None = None,
    ) -> Counts:
        """Send what is due, as `Drain.run` does, what waits in memory included.

        Once an hour this purges what was rejected 30 days ago, too.
        """
        self.flush()
        counts = self._drain.run(
            limit=limit, seconds=seconds, wait=wait, stop=stop, on_progress=on_progress
        )
        now = self.clock()
        if self._purged_at is None or not 0.0 <= now - self._purged_at <= PURGE_EVERY_SECONDS:
            self.outbox.purge()
            self._purged_at = now
        return counts

    def stats(self) -> Stats:
        """Count."""
        return self.outbox.stats(not_durable=len(self.waiting))

    def flush(self) -> None:
        """Write what waits in memory.

        Raises:
            SQLAlchemyError: The database still refuses; nothing is lost by that.
        """
        if self.waiting:
            with self.waiting.checkout() as waiting:
                self._write(waiting)

    def stop_when_idle(self) -> None:
        """End the thread once nothing is due: the `Fprom` of this delivery is gone."""
        if self._thread is not None:
            self._thread.loop.stop_when_idle()

    def close(self) -> None:
        """Stop claiming, wait shortly for the call in flight, flush nothing."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.stop(GRACE_SECONDS)
        self._api.close()
        self.outbox.database.close()

    def _put(self, lead: Lead) -> Receipt:
        try:
            with self.waiting.checkout() as waiting:
                self._write(waiting, lead)
        except Exception as error:  # noqa: BLE001 - the registration view never fails because of us
            return self._hold(lead, error)
        return self._queued(lead)

    def _write(self, waiting: list[Lead], *new: Lead) -> None:
        # Nothing is left where another thread was faster.
        if waiting or new:
            self.outbox.put(*waiting, *new)
        if waiting:
            logger.warning("%d leads that waited in memory are durable now.", len(waiting))

    def _queued(self, lead: Lead, *, expect_commit: bool = False) -> Receipt:
        self._wake(expect_commit=expect_commit)
        return Receipt(Status.QUEUED, durable=True, event=lead)

    def _not_joined(self, lead: Lead, error: Exception) -> Receipt:
        if not (
            isinstance(error, InternalError | PendingRollbackError)
            # asyncpg has a type of its own for it.
            or getattr(getattr(error, "orig", None), "sqlstate", None) == _FAILED_TRANSACTION
        ):
            return self._hold(lead, error)
        # The caller's transaction has failed before and can only be rolled back: there will be
        # no such user, and so there must be no lead.
        logger.error("A lead was not kept, for session= must be rolled back (%s).", cause(error))
        return Receipt(Status.FAILED, Reason.DATABASE, event=lead)

    def _hold(self, lead: Lead, error: Exception) -> Receipt:
        kept = self.waiting.add(lead, error)
        self._wake()
        return Receipt(Status.QUEUED if kept else Status.FAILED, Reason.DATABASE, event=lead)

    def _wake(self, *, expect_commit: bool = False) -> None:
        try:
            self.start()
        except RuntimeError:
            # The lead is where it belongs; the next one starts the thread.
            logger.error("The outbox's thread could not be started: RuntimeError.")  # noqa: TRY400 - nothing more is known
        if self._thread is not None:
            self._thread.loop.wake(expect_commit=expect_commit)
