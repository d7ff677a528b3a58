"""Delivery by outbox: an event is one committed row, and something drains it later."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..bounded import SilentError
from ..database.refusal import REFUSALS, name_refusal, passes, public_refusal
from ..errors import FpromConfigError
from ..events.log_line import log_line
from ..events.receipt import Reason, Receipt, Status
from ..interrupts import raised_by_signal
from ..masking import mask_tail
from ..outbox.purge import PURGE_AT_ONCE
from ..outbox.store import open_outbox
from ..outbox.transactions.writer import TransactionWriter
from ..settings.choices import WorkerMode
from ..telemetry import telemetry
from .drain import Drain
from .off_loop import run_off_loop
from .thread import DrainThread
from .waiting import WaitingQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..api.client import TrackingApi
    from ..events.kinds import AnyEvent
    from ..outbox.stats import Counts, Stats
    from ..outbox.store import Outbox
    from ..settings.model import FpromSettings
    from .base import StartHint

T = TypeVar("T")

PURGE_EVERY_SECONDS: Final = 3600.0
"""Seconds between looks for ended events that were kept long enough."""
GRACE_SECONDS: Final = 2.0
"""Seconds for which the end of the process waits for the call in flight."""
FLUSH_SECONDS: Final = 1.0
"""Seconds for which one turn writes what waits in memory."""
FLUSH_IN_VIEW_SECONDS: Final = 0.05
"""The same where a view waits for it."""
START_EVERY_SECONDS: Final = 1.0
"""Seconds between two requests that start what was not started, or try what was refused."""
REFUSED_AT_ONCE: Final = 20
"""Rows that are refused for good, after which a turn ends: there may be thousands of them."""

logger: logging.Logger = logging.getLogger(__name__)


class OutboxDelivery:
    """Events go into the outbox, or into memory where its database refuses.

    Args:
        settings: The account's settings.
        api: Where the drain sends events.
        clock: Seconds since the epoch.
        hint: What requests are told with that `start` may have something to do.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """

    def __init__(
        self,
        settings: FpromSettings,
        api: TrackingApi,
        *,
        clock: Callable[[], float],
        hint: StartHint,
    ) -> None:
        self.clock = clock
        self.outbox: Outbox = open_outbox(settings, clock)
        self.waiting: WaitingQueue = WaitingQueue()
        self.stopping: threading.Event = threading.Event()
        self._settings = settings
        self._api = api
        self._hint = hint
        self._drain = Drain(settings, self.outbox, api, clock=clock, stopping=self.stopping)
        self._masked_account = mask_tail(settings.account_id) or ""
        self._writer = TransactionWriter(self.outbox.database, settings.account_id or "")
        self._thread: DrainThread | None = None
        self._purged_at: float | None = None
        self._start_not_before = 0.0
        self._lock = threading.Lock()

    def accept(self, event: AnyEvent, *, session: Any = None, trace: str | None = None) -> Receipt:
        """Write the event, in the caller's own transaction where there is one."""
        if session is None:
            return self._put(event, trace)
        row = self.outbox.row(event, trace)
        try:
            self._writer.write(row, session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - no view fails because of us
            return _not_joined(event, error, trace)
        return self._queued(event, expect_commit=True)

    async def accept_async(
        self, event: AnyEvent, *, session: Any = None, trace: str | None = None
    ) -> Receipt:
        """Write the event in a thread; a cancelled view does not take it along."""
        if session is None:
            return await run_off_loop(lambda: self._put(event, trace))
        row = self.outbox.row(event, trace)
        try:
            await run_off_loop(self._writer.prepare)
            await self._writer.write_async(row, session)
        except FpromConfigError:
            raise
        except Exception as error:  # noqa: BLE001 - no view fails because of us
            return _not_joined(event, error, trace)
        return self._queued(event, expect_commit=True)

    @property
    def needs_start(self) -> bool:
        """True where a request has to call `start`; asked where the hint says that it may be."""
        return self._is_idle() and time.monotonic() >= self._start_not_before

    def start(self) -> None:
        """Start this process's thread, also in place of one that died.

        Where the settings want none, write what waits in memory: there is no other to do it.
        """
        self._start_not_before = time.monotonic() + START_EVERY_SECONDS
        if self._settings.worker is not WorkerMode.THREAD:
            flush = threading.Thread(target=self.flush, name="fprom-flush", daemon=True)
            flush.start()
            # Long enough for a database in good health, short enough for an event loop.
            flush.join(FLUSH_IN_VIEW_SECONDS)
            self._hint.wanted = self._is_idle()
            return
        with self._lock:
            died = self._thread is not None and not self._thread.is_alive
            if self.stopping.is_set() or not (died or self._thread is None):
                return
            if died:
                logger.error("The outbox's thread has died: a new one takes its place.")
            thread = DrainThread(self, self._hint)
            thread.start()
            self._thread = thread
            logger.info("This process sends from the outbox %s.", self.outbox.database.place)

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

        Once an hour this purges what ended long enough ago, too.

        Raises:
            FpromOutboxError: The database refused.
        """
        # An earlier write that was given up is waited for: where it has arrived, the row that
        # waits in memory is that one, and is not to be sent before this is known.
        self.flush(bound=self._settings.timeout)
        telemetry().watch(self, self._masked_account)

        def work() -> Counts:
            counts = self._drain.run(
                limit=limit,
                seconds=seconds,
                wait=wait,
                stop=stop,
                on_progress=on_progress,
            )
            now = self.clock()
            if self._purged_at is None or not 0.0 <= now - self._purged_at <= PURGE_EVERY_SECONDS:
                done = self.outbox.purge()
                # Where there is more of it, the next drain goes on.
                self._purged_at = now if done < PURGE_AT_ONCE else None
            return counts

        return _without_rows(work)

    def stats(self) -> Stats:
        """Count.

        Raises:
            FpromOutboxError: The database refused.
        """
        return _without_rows(lambda: self.outbox.stats(not_durable=len(self.waiting)))

    def next_due(self) -> float | None:
        """Say when the drain has something to do, as `Outbox.next_due` does.

        Raises:
            FpromOutboxError: The database refused.
        """
        return _without_rows(self.outbox.next_due)

    def flush(self, *, seconds: float = FLUSH_SECONDS, **how: float) -> None:
        """Write what waits in memory, row by row; what is refused again steps back.

        Args:
            seconds: After which no further row is begun.
            **how: As in `Outbox.put`, for each row; a busy database is not asked again by itself.
        """
        ends = time.monotonic() + seconds
        written = refused = 0
        for _ in range(len(self.waiting)):
            try:
                with self.waiting.checkout() as row:
                    if row is None:
                        break
                    self.outbox.put(row, **{"patience": 0.0, **how})
                    written += 1
            except Exception as error:  # noqa: BLE001 - it steps back, and waits on
                _let_interrupts_through(error)
                refused += 1
                # The next one would fare the same, or there are many that always will.
                if passes(error) or refused >= REFUSED_AT_ONCE:
                    break
            if time.monotonic() >= ends:
                break
        if written:
            logger.warning("%d events that waited in memory are durable now.", written)

    def stop_when_idle(self) -> None:
        """End the thread once nothing is due: the `Fprom` of this delivery is gone."""
        if self._thread is not None:
            self._thread.loop.stop_when_idle()

    def close(self) -> None:
        """Stop claiming, wait shortly for the call in flight, and try to write what waits."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.stop(GRACE_SECONDS)
        self.flush(patience=FLUSH_SECONDS)
        left = len(self.waiting)
        if left:
            logger.critical("%d events that waited in memory are lost: the process ends.", left)
        self._api.close()
        self.outbox.database.close()

    def _is_idle(self) -> bool:
        if self._settings.worker is WorkerMode.THREAD:
            return self._thread is None or not self._thread.is_alive
        return bool(self.waiting)

    def _put(self, event: AnyEvent, trace: str | None) -> Receipt:
        row = self.outbox.row(event, trace)
        try:
            self._write(row)
        except BaseException as error:
            # A view that is cut short has a visitor all the same.
            receipt = self._hold(event, row, error)
            if not isinstance(error, Exception):
                raise
            return receipt
        return self._queued(event)

    def _write(self, row: Mapping[str, Any]) -> None:
        earlier: Sequence[Mapping[str, Any]] = ()
        try:
            # The new event by itself: what waits has had its turn. But what waits of its customer
            # goes before it, for that is their order.
            with self.waiting.checkout_customer(row) as earlier:
                self.outbox.put(*earlier, row)
        except Exception as error:
            if not earlier or passes(error):
                raise
            # One of those is refused for good, and keeps no other back.
            self.outbox.put(row)

    def _queued(self, event: AnyEvent, *, expect_commit: bool = False) -> Receipt:
        telemetry().watch(self, self._masked_account)
        self._wake(expect_commit=expect_commit)
        return Receipt(Status.QUEUED, durable=True, event=event)

    def _hold(self, event: AnyEvent, row: Mapping[str, Any], error: BaseException) -> Receipt:
        kept = self.waiting.add(row, error)
        self._hint.wanted = self._is_idle()
        # A write that was not answered may be committed yet.
        self._wake(refused=True, expect_commit=isinstance(error, SilentError))
        _let_interrupts_through(error)
        return Receipt(Status.QUEUED if kept else Status.FAILED, Reason.DATABASE, event=event)

    def _wake(self, *, expect_commit: bool = False, refused: bool = False) -> None:
        if self._settings.worker is WorkerMode.THREAD:
            needs_start = self._is_idle()
        else:
            needs_start = self.needs_start and not (expect_commit or refused)
        if needs_start:
            try:
                self.start()
            except RuntimeError:
                # The event is where it belongs; the next one starts the thread.
                _log_no_thread()
        if self._thread is not None:
            self._thread.loop.wake(expect_commit=expect_commit)


def _not_joined(event: AnyEvent, error: Exception, trace: str | None) -> Receipt:
    # Not kept in memory: whether the user whom it is about will exist is the caller's to know.
    receipt = Receipt(Status.FAILED, Reason.DATABASE, event=event)
    text = "A %s was not written into session=, and is not kept (%s)."
    log_line(
        logger,
        logging.ERROR,
        text,
        event.kind.noun,
        name_refusal(error),
        kind=event.kind,
        status=receipt.status,
        reason=receipt.reason,
        trace=trace,
    )
    _let_interrupts_through(error)
    return receipt


def _log_no_thread() -> None:
    logger.error("The outbox's thread could not be started: RuntimeError.")


def _let_interrupts_through(error: BaseException) -> None:
    limit = raised_by_signal(error)
    if limit is not None:
        raise limit


def _without_rows(work: Callable[[], T]) -> T:
    """Run something; what the database refuses is raised outside the frames that hold events."""
    try:
        return work()
    except REFUSALS as error:
        _let_interrupts_through(error)
        refusal = public_refusal(error)
    raise refusal
