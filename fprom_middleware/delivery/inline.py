"""Delivery by one API call inside the view: for scripts and tests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..events.receipt import Receipt, Status
from .base import NothingWaits
from .off_loop import run_off_loop
from .outcome_hook import tell_outcome

if TYPE_CHECKING:
    from ..api.client import TrackingApi
    from ..api.protocol import Outcome
    from ..events.lead import Lead
    from ..settings.model import FpromSettings

logger = logging.getLogger(__name__)


class InlineDelivery(NothingWaits):
    """One API call inside the view, for scripts and tests: nothing is kept when it fails.

    Args:
        settings: The account's settings, for FPROM_ON_OUTCOME.
        api: Where leads go.
    """

    def __init__(self, settings: FpromSettings, api: TrackingApi) -> None:
        self._settings = settings
        self._api = api

    def accept(self, lead: Lead, **_: Any) -> Receipt:
        """Send the lead now; there is no row to write into a transaction."""
        return self._receipt(lead, self._api.signup(lead))

    async def accept_async(self, lead: Lead, **_: Any) -> Receipt:
        """Send the lead now, in a thread; a cancelled view does not take it along."""
        return await run_off_loop(lambda: self.accept(lead))

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._api.close()

    def _receipt(self, lead: Lead, outcome: Outcome) -> Receipt:
        if outcome.status is Status.FAILED:
            logger.error(
                "A lead was not delivered (%s); inline delivery keeps nothing: %r", outcome, lead
            )
        receipt = Receipt(outcome.status, outcome.reason, event=lead)
        tell_outcome(self._settings, receipt)
        return receipt
