"""An outbox in memory: what a test's accounts hand in is kept, and sent nowhere when drained."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api.protocol import Outcome, read_answer
from ..database.order_keys import order_keys
from ..delivery.base import NothingWaits
from ..delivery.outcome_hook import tell_outcome
from ..delivery.outcome_log import log_end
from ..events.receipt import Reason, Receipt, Status
from ..outbox.retry import decide
from ..outbox.stats import Stats, no_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..events.event import Kind
    from ..events.kinds import AnyEvent
    from ..outbox.stats import Counts
    from ..settings.model import FpromSettings

Trouble = int | Exception | type[Exception]
"""What a call comes to: the status of an answer, or what breaks the call off."""


@dataclass(slots=True)
class KeptEvent:
    """One event that was handed in.

    Attributes:
        event: The event.
        settings: Of the account that handed it in.
        queued_at: When, in seconds since the epoch.
        attempts: Calls so far.
        not_found_count: How many of them were answered that the visitor is not known.
        end: What became of it in the end; None while it waits.
    """

    event: AnyEvent
    settings: FpromSettings
    queued_at: float
    attempts: int = 0
    not_found_count: int = 0
    end: Receipt | None = None

    def is_of(self, account: FpromSettings | None) -> bool:
        """Say whether an account handed it in; None stands for any."""
        return account is None or account.account_id == self.settings.account_id

    @property
    def customer(self) -> set[int]:
        """Whom it is about: its turn comes when their earlier events have ended."""
        keys = order_keys(str(self.settings.account_id), self.event.to_json())
        return {key for key in keys.values() if key is not None}


class MemoryOutbox:
    """Keeps what all accounts of a process hand in.

    Attributes:
        kept: The events, the oldest first, those that have ended as well.
        unsent: The kinds of events that were not handed in, and what was answered for each.
        trouble: What the next calls come to; the ones after them get through.
        refusals: How many of the next events its database refuses.
    """

    def __init__(self) -> None:
        self.kept: list[KeptEvent] = []
        self.unsent: list[tuple[Kind, Receipt]] = []
        self.trouble: deque[Trouble] = deque()
        self.refusals = 0

    def make_delivery(self, settings: FpromSettings, clock: Callable[[], float]) -> MockDelivery:
        """Make an account's delivery into this outbox."""
        return MockDelivery(self, settings, clock)

    def note(self, kind: Kind, receipt: Receipt) -> None:
        """Keep why an event was not handed in."""
        self.unsent.append((kind, receipt))

    def call(self, event: AnyEvent) -> Outcome:
        """Make a call, which reaches nothing, and say what it came to."""
        trouble = self.trouble.popleft() if self.trouble else 200
        if isinstance(trouble, int):
            return read_answer(event, trouble, b"{}")
        kind = trouble if isinstance(trouble, type) else type(trouble)
        return Outcome(Status.FAILED, Reason.NETWORK, error=kind.__name__)

    def drain(
        self, account: FpromSettings | None = None, *, limit: int | None = None, wait: bool = False
    ) -> Counts:
        """Call once for each event that waits, as if every wait were over.

        Args:
            account: Whose events; by default all of them.
            limit: Calls at the most.
            wait: True goes on until none of them waits.

        Returns:
            Calls by what they came to, as the real drain counts them.
        """
        counts = no_counts()
        while True:
            behind: set[int] = set()
            # What a hook hands in meanwhile is sent, too.
            for one in self.kept:
                if one.end is not None or not one.is_of(account):
                    continue
                if limit is not None and sum(counts.values()) >= limit:
                    return counts
                if one.customer.isdisjoint(behind):
                    counts[self._send(one)] += 1
                if one.end is None:
                    behind |= one.customer
            if not (wait and behind):
                return counts

    def _send(self, one: KeptEvent) -> Status:
        outcome = self.call(one.event)
        retry = decide(outcome, failed_count=0, not_found_count=one.not_found_count, now=0.0)
        one.attempts += 1
        if retry is not None:
            one.not_found_count += retry.not_found
            return Status.FAILED
        one.end = Receipt(outcome.status, outcome.reason, durable=True, event=one.event)
        tell_outcome(one.settings, one.end)
        log_end(one.event, outcome.status, outcome.reason, first=one.attempts == 1)
        return outcome.status


class MockDelivery(NothingWaits):
    """One account's delivery into an outbox that its test shares between all accounts.

    Args:
        outbox: The outbox.
        settings: The account's settings.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, outbox: MemoryOutbox, settings: FpromSettings, clock: Callable[[], float]
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._clock = clock

    def accept(self, event: AnyEvent, *, session: Any = None, **_: Any) -> Receipt:
        """Keep the event, at once: of a session it is not asked whether it commits."""
        refused = self._outbox.refusals > 0
        self._outbox.refusals -= refused
        if refused and session is not None:
            receipt = Receipt(Status.FAILED, Reason.DATABASE, event=event)
            self._outbox.note(event.kind, receipt)
            return receipt
        self._outbox.kept.append(KeptEvent(event, self._settings, self._clock()))
        reason = Reason.DATABASE if refused else None
        return Receipt(Status.QUEUED, reason, durable=not refused, event=event)

    async def accept_async(self, event: AnyEvent, **how: Any) -> Receipt:
        """Keep the event."""
        return self.accept(event, **how)

    def drain(self, *, limit: int | None = None, wait: bool = False, **_: Any) -> Counts:
        """Send what this account has handed in, nowhere."""
        return self._outbox.drain(self._settings, limit=limit, wait=wait)

    def stats(self) -> Stats:
        """Count what this account has handed in."""
        mine = [one for one in self._outbox.kept if one.is_of(self._settings)]
        waiting = [one.queued_at for one in mine if one.end is None]
        ends = [one.end.status for one in mine if one.end is not None]
        return Stats(
            pending=len(waiting),
            oldest_age=max(0.0, self._clock() - min(waiting)) if waiting else None,
            rejected=ends.count(Status.REJECTED),
        )

    def close(self) -> None:
        """Do nothing: nothing is open."""
