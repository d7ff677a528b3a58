"""What all drainers of one account share: how fast, and whether at all. Pure decisions.

A gate is open, or paused until a moment. Once that moment is over one caller may probe; while
it does, the pause is renewed by the time a probe may take, so a prober that dies frees its
place by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from ..api.protocol import Outcome

WINDOW: Final = 60
"""Seconds over which calls are counted."""
GOOD_FOR: Final = 1.0
"""Seconds within which a call that was let through has to begin."""
_SLACK: Final = 2
"""Seconds that a call may be younger than it counts: `GOOD_FOR`, and the second it began in."""
FAILURES_TO_PAUSE: Final = 5
PAUSE: Final = 60.0
"""Seconds of a pause for which the API named no time of its own."""
PAUSE_UNAUTHORIZED: Final = 300.0
"""Seconds between probes while the credentials are refused."""
PROBE_MARGIN: Final = 2.0
"""Seconds beyond the time-out after which a probe counts as dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The shared state of one account.

    Attributes:
        failures: Failed calls in a row, over all processes.
        paused_since: When the pause began; None while open.
        paused_until: When the next probe may go; None while open.
        pause_reason: Why.
        calls: Calls by second since the epoch, of the last minute; no second stands twice.
    """

    failures: int = 0
    paused_since: float | None = None
    paused_until: float | None = None
    pause_reason: str | None = None
    calls: tuple[tuple[int, int], ...] = ()

    @property
    def paused(self) -> bool:
        """True until a probe has succeeded."""
        return self.paused_until is not None

    def admit(
        self, wanted: int, *, now: float, limit: int, timeout: float
    ) -> tuple[int, bool, Gate]:
        """Ask for calls.

        Args:
            wanted: How many at the most.
            now: Seconds since the epoch.
            limit: Calls a minute.
            timeout: Seconds that one call may take.

        Returns:
            How many may go, whether it is a probe, and the gate that counts them.
        """
        probe = self.paused_until is not None
        if self.paused_until is not None and now < self.paused_until:
            return 0, False, self
        calls = dict(self._recent(now))
        free = limit - sum(calls.values())
        granted = min(1 if probe else wanted, max(free, 0))
        if not granted:
            return 0, False, self
        calls[int(now)] = calls.get(int(now), 0) + granted
        gate = replace(self, calls=tuple(calls.items()))
        if probe:
            gate = replace(gate, paused_until=now + timeout + PROBE_MARGIN)
        return granted, probe, gate

    def give_back(self, unused: int, *, admitted: float) -> Gate:
        """Return calls that were let through and not made.

        Args:
            unused: How many.
            admitted: When they were let through: others made theirs before and after.

        Returns:
            The gate that counts them no more.
        """
        left = (
            (second, count - unused if second == int(admitted) else count)
            for second, count in self.calls
        )
        return replace(self, calls=tuple((second, count) for second, count in left if count > 0))

    def opens_at(self, *, now: float, limit: int) -> float:
        """Say when the next call may go.

        Args:
            now: Seconds since the epoch.
            limit: Calls a minute.

        Returns:
            Seconds since the epoch; `now` where nothing stands in the way.
        """
        moment = max(now, self.paused_until or now)
        calls = sorted(self._recent(now))
        excess = sum(count for _, count in calls) - limit
        for second, count in calls:
            if excess < 0:
                break
            moment = max(moment, float(second + WINDOW + _SLACK))
            excess -= count
        return moment

    def after(self, outcome: Outcome, *, now: float, probe: bool) -> Gate:
        """Take note of what a call came to.

        Args:
            outcome: What it came to.
            now: Seconds since the epoch.
            probe: Whether this call was a probe.

        Returns:
            The gate after it.
        """
        if outcome.status is not Status.FAILED:
            # Any answer to the lead itself says that the API is there and lets us in. During a
            # pause only the probe's word counts: others were on their way before it.
            if self.paused and not probe:
                return self
            return replace(
                self, failures=0, paused_since=None, paused_until=None, pause_reason=None
            )
        failures = self.failures + 1
        if outcome.reason is Reason.UNAUTHORIZED:
            pause = PAUSE_UNAUTHORIZED
        elif outcome.reason is Reason.RATE_LIMITED or probe or failures >= FAILURES_TO_PAUSE:
            pause = PAUSE if outcome.retry_after is None else outcome.retry_after
        else:
            return replace(self, failures=failures)
        until = now + pause
        if self.paused_until is not None and not probe:
            until = max(until, self.paused_until)
        return replace(
            self,
            failures=failures,
            paused_since=now if self.paused_since is None else self.paused_since,
            paused_until=until,
            pause_reason=outcome.reason,
        )

    def _recent(self, now: float) -> tuple[tuple[int, int], ...]:
        # Another machine's clock may be a little ahead. A clock that was set back leaves calls
        # far in the future, which would block for ever.
        oldest, newest = now - WINDOW - _SLACK, now + WINDOW
        return tuple((second, count) for second, count in self.calls if oldest < second <= newest)


def calls_to_text(calls: tuple[tuple[int, int], ...]) -> str:
    """Write the counted calls into a column."""
    return " ".join(f"{second}:{count}" for second, count in calls)


def calls_from_text(text: str) -> tuple[tuple[int, int], ...]:
    """Read the counted calls of a column."""
    pairs = (pair.split(":") for pair in text.split())
    return tuple((int(second), int(count)) for second, count in pairs)
