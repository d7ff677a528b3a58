"""What every delivery answers to: where an event goes once the view has handed it in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..outbox.stats import Stats, no_counts

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent
    from ..events.receipt import Receipt
    from ..outbox.stats import Counts


class StartHint:
    """Whether a request may have to start something: one attribute, for each request reads it.

    Attributes:
        wanted: False is the word of a delivery whose background is well; True asks
            `needs_start` for the exact answer.
    """

    __slots__ = ("wanted",)

    def __init__(self, *, wanted: bool) -> None:
        self.wanted: bool = wanted


class Delivery(Protocol):
    """Takes an event and answers; neither call raises."""

    @property
    def needs_start(self) -> bool:
        """True where a request has to call `start`; asked where the hint says that it may be."""
        ...

    def accept(self, event: AnyEvent, *, session: Any = None, trace: str | None = None) -> Receipt:
        """Take an event.

        Args:
            event: The event.
            session: The caller's own transaction, where there is one.
            trace: Which request it is of, where that is known.
        """
        ...

    async def accept_async(
        self, event: AnyEvent, *, session: Any = None, trace: str | None = None
    ) -> Receipt:
        """Take an event without blocking the event loop."""
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


class NothingWaits:
    """The half of a delivery that has no background and whose events wait nowhere."""

    needs_start = False

    def start(self) -> None:
        """Do nothing."""

    def drain(self, **_: Any) -> Counts:
        """Send nothing."""
        return no_counts()

    def stats(self) -> Stats:
        """Count nothing."""
        return Stats()

    def stop_when_idle(self) -> None:
        """Do nothing."""
