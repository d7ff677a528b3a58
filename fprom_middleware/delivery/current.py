"""The delivery that an account has in this process: made late, closed, made anew in a child."""

from __future__ import annotations

import logging
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ..forking import call_in_child
from ..settings.choices import DeliveryMode, WorkerMode
from .base import StartHint
from .memory import MemoryDelivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from ..events.event import Kind
    from ..events.receipt import Receipt
    from ..settings.model import FpromSettings
    from .base import Delivery

logger: logging.Logger = logging.getLogger(__name__)


class Replacement(Protocol):
    """What takes every account's events in place of its own delivery, while tests run."""

    def make_delivery(self, settings: FpromSettings, clock: Callable[[], float]) -> Delivery:
        """Make the delivery of an account."""
        ...

    def note(self, kind: Kind, receipt: Receipt) -> None:
        """Hear of what an account did not hand in, and why."""
        ...


class CurrentDelivery:
    """Holds one account's delivery for as long as this process uses it.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
        client: An httpx client in place of the pooled one, or None.

    Attributes:
        hint: What a request reads to know whether `start` may have something to do.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """

    def __init__(
        self, settings: FpromSettings, clock: Callable[[], float], client: httpx.Client | None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = client
        self._delivery: Delivery | None = None
        self._finalizer: weakref.finalize[..., CurrentDelivery] | None = None
        keeps_outbox = settings.enabled and settings.delivery is DeliveryMode.OUTBOX
        self._has_thread = keeps_outbox and settings.worker is WorkerMode.THREAD
        self.hint: StartHint = StartHint(wanted=self._has_thread)
        self._lock = threading.Lock()
        _all.add(self)
        if keeps_outbox:
            # Now and not at the first event: a wrong URL fails at start, and no view waits for
            # an import.
            self._delivery = self._make()

    def get(self) -> Delivery:
        """Return the delivery, a new one where there is none."""
        delivery = self._delivery
        if delivery is None:
            with self._lock:
                if self._delivery is None:
                    self._delivery = self._make()
                delivery = self._delivery
        return delivery

    @property
    def needs_start(self) -> bool:
        """True where a request has to call `start`; `hint` says when to ask."""
        delivery = self._delivery
        return self._has_thread if delivery is None else delivery.needs_start

    def start(self) -> None:
        """Start this process's background thread, or a new one in place of one that died."""
        try:
            self.get().start()
        except Exception as error:  # noqa: BLE001 - no request fails because of us
            logger.error("The outbox's thread could not be started: %s.", type(error).__name__)  # noqa: TRY400 - a text could quote a setting

    @property
    def is_replaced(self) -> bool:
        """True while a test's own delivery stands in for this account's."""
        return _replacement is not None

    def note(self, kind: Kind, receipt: Receipt) -> None:
        """Tell a test of what was not handed in; there is no other who would hear of it."""
        if _replacement is not None:
            _replacement.note(kind, receipt)

    def set_aside(self) -> Delivery | None:
        """Close the delivery, and return it where it can be used again."""
        self.close()
        kept, self._delivery = self._delivery, None
        return kept

    def put_back(self, delivery: Delivery | None) -> None:
        """Use what was set aside, where it can be used again."""
        self._delivery = self._delivery if delivery is None else delivery

    def close(self) -> None:
        """Close the delivery; the next use makes a new one, but of a list, which a test reads."""
        with self._lock:
            delivery = self._delivery
            if not isinstance(delivery, MemoryDelivery):
                self._delivery = None
            self.hint.wanted = self._has_thread
        self._detach()
        if delivery is not None:
            delivery.close()

    def start_afresh(self) -> None:
        """Let go of the parent's delivery, in a child: threads, locks and connections are its."""
        self._detach()
        self._delivery = None
        self.hint.wanted = self._has_thread
        self._lock = threading.Lock()

    def _detach(self) -> None:
        if self._finalizer is not None:
            self._finalizer.detach()

    def _make(self) -> Delivery:
        if _replacement is not None:
            return _replacement.make_delivery(self._settings, self._clock)
        # Here and not above: importing this package loads no HTTP client and no SQL.
        from ..api.client import TrackingApi  # noqa: PLC0415
        from .choice import make_delivery  # noqa: PLC0415
        from .registry import close_at_exit  # noqa: PLC0415

        api = TrackingApi(self._settings, client=self._client, clock=self._clock)
        delivery = make_delivery(self._settings, api, clock=self._clock, hint=self.hint)
        close_at_exit(delivery)
        # An app that is thrown away, as tests do by the hundred, takes its thread with it.
        self._finalizer = weakref.finalize(self, delivery.stop_when_idle)
        self._finalizer.atexit = False
        return delivery


_all: weakref.WeakSet[CurrentDelivery] = weakref.WeakSet()
_replacement: Replacement | None = None


@contextmanager
def replace_deliveries(replacement: Replacement) -> Iterator[None]:
    """Have every account of this process, those to come as well, hand its events elsewhere.

    What was open is closed: nothing that was handed in before is sent meanwhile.

    Args:
        replacement: Takes the events until the block ends; blocks may be nested.
    """
    # Here and not above: what is loaded later is told of a fork earlier.
    from .registry import close_open  # noqa: PLC0415

    global _replacement  # noqa: PLW0603 - one a process, as its accounts are
    before, _replacement = _replacement, replacement
    aside: list[tuple[CurrentDelivery, Delivery | None]] = []
    try:
        aside = [(current, current.set_aside()) for current in list(_all)]
        # Accounts that are gone may have left a thread that still sends.
        close_open()
        yield
    finally:
        _replacement = before
        for current in list(_all):
            current.close()
        for current, delivery in aside:
            current.put_back(delivery)


def _start_afresh() -> None:
    for current in list(_all):
        current.start_afresh()


call_in_child(_start_afresh)
