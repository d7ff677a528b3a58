"""Delivery into a list: for an app's own tests. Nothing is written, nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..events.receipt import Receipt, Status
from ..outbox.stats import Stats
from .base import NothingWaits

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent

KEPT: Final = 10_000
"""Events; the oldest are let go where the mode is on by mistake."""


class MemoryDelivery(NothingWaits):
    """Events are kept in a list and answered as the outbox would answer them.

    Attributes:
        events: What was handed in, the oldest first.
    """

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def accept(self, event: AnyEvent, **_: Any) -> Receipt:
        """Keep the event, at once: of a session it is not asked whether it commits."""
        self.events.append(event)
        del self.events[:-KEPT]
        return Receipt(Status.QUEUED, durable=True, event=event)

    async def accept_async(self, event: AnyEvent, **_: Any) -> Receipt:
        """Keep the event."""
        return self.accept(event)

    def stats(self) -> Stats:
        """Count what is kept."""
        return Stats(pending=len(self.events))

    def close(self) -> None:
        """Do nothing: nothing is open."""
