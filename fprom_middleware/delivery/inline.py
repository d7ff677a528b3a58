"""Delivery by one API call inside the view: for scripts and tests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..events.log_line import log_line
from ..events.receipt import Receipt, Status
from .base import NothingWaits
from .off_loop import run_off_loop
from .outcome_hook import tell_outcome
from .outcome_log import log_end

if TYPE_CHECKING:
    from ..api.client import TrackingApi
    from ..api.protocol import Outcome
    from ..events.kinds import AnyEvent
    from ..settings.model import FpromSettings

logger: logging.Logger = logging.getLogger(__name__)


class InlineDelivery(NothingWaits):
    """One API call inside the view, for scripts and tests: nothing is kept when it fails.

    Args:
        settings: The account's settings, for FPROM_ON_OUTCOME.
        api: Where events go.
    """

    def __init__(self, settings: FpromSettings, api: TrackingApi) -> None:
        self._settings = settings
        self._api = api

    def accept(self, event: AnyEvent, *, trace: str | None = None, **_: Any) -> Receipt:
        """Send the event now; there is no row to write into a transaction."""
        return self._receipt(event, self._api.send(event), trace)

    async def accept_async(self, event: AnyEvent, **how: Any) -> Receipt:
        """Send the event now, in a thread; a cancelled view does not take it along."""
        return await run_off_loop(lambda: self.accept(event, **how))

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._api.close()

    def _receipt(self, event: AnyEvent, outcome: Outcome, trace: str | None) -> Receipt:
        if outcome.status is Status.FAILED:
            log_line(
                logger,
                logging.ERROR,
                "A %s was not delivered (%s); inline delivery keeps nothing: %r",
                event.kind.noun,
                outcome,
                event,
                kind=event.kind,
                status=outcome.status,
                reason=outcome.reason,
                trace=trace,
            )
        receipt = Receipt(outcome.status, outcome.reason, event=event)
        log_end(event, outcome.status, outcome.reason, first=True, trace=trace)
        tell_outcome(self._settings, receipt)
        return receipt
