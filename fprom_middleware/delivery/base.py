"""What every delivery answers to: where an event goes once the view has handed it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..events.lead import Lead
    from ..events.receipt import Receipt
    from ..outbox.stats import Counts, Stats


class Delivery(Protocol):
    """Takes a lead and answers at once; neither call raises."""

    def accept(self, lead: Lead, *, session: Any = None) -> Receipt:
        """Take a lead; `session` is the caller's own transaction, where there is one."""
        ...

    async def accept_async(self, lead: Lead, *, session: Any = None) -> Receipt:
        """Take a lead without blocking the event loop."""
        ...

    def start(self) -> None:
        """Begin what this delivery does in the background."""
        ...

    def drain(
        self, *, limit: int | None = None, seconds: float | None = None, wait: bool = False
    ) -> Counts:
        """Send what is due."""
        ...

    def stats(self) -> Stats:
        """Count what waits."""
        ...

    def stop_when_idle(self) -> None:
        """End what runs in the background once nothing is due: the `Fprom` is gone."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...
