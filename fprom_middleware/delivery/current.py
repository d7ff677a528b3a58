"""The delivery that an account has in this process: made late, closed, made anew in a child."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

from ..forking import call_in_child
from ..settings.choices import DeliveryMode, WorkerMode
from .base import StartHint

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from ..settings.model import FpromSettings
    from .base import Delivery

logger = logging.getLogger(__name__)


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
        keeps_outbox = settings.enabled and settings.delivery is DeliveryMode.OUTBOX
        self._has_thread = keeps_outbox and settings.worker is WorkerMode.THREAD
        self.hint = StartHint(wanted=self._has_thread)
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

    def close(self) -> None:
        """Close the delivery; the next use makes a new one."""
        with self._lock:
            delivery, self._delivery = self._delivery, None
            self.hint.wanted = self._has_thread
        if delivery is not None:
            self._finalizer.detach()
            delivery.close()

    def start_afresh(self) -> None:
        """Let go of the parent's delivery, in a child: threads, locks and connections are its."""
        if self._delivery is not None:
            self._finalizer.detach()
            self._delivery = None
        self.hint.wanted = self._has_thread
        self._lock = threading.Lock()

    def _make(self) -> Delivery:
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


def _start_afresh() -> None:
    for current in list(_all):
        current.start_afresh()


call_in_child(_start_afresh)
