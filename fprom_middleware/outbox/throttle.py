"""What all drainers of one account share: how fast, and whether at all. Pure decisions.

`RateLimiter` counts calls over a sliding window. `CircuitBreaker` is closed, open until a moment,
and half-open after it: then one caller may probe. While it does the circuit is open for as long
as a probe may take, so the place of a prober that dies is free again by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from ..api.protocol import Outcome

WINDOW_SECONDS: Final = 60
"""Seconds over which calls are counted."""
PERMIT_TTL: Final = 1.0
"""Seconds within which a call that was let through has to begin."""
_SLACK_SECONDS: Final = 2
"""Seconds that a call may be younger than it counts: `PERMIT_TTL`, and the second it began in."""
FAILURES_TO_PAUSE: Final = 5
PAUSE_SECONDS: Final = 60.0
"""Seconds of a pause for which the API named no time of its own."""
REFUSED_PAUSE_SECONDS: Final = 300.0
"""Seconds between probes while the credentials are refused."""
PROBE_MARGIN_SECONDS: Final = 2.0
"""Seconds beyond the time-out after which a probe counts as dead."""


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """The calls of the last minute, over all processes.

    Attributes:
        calls: Calls by second since the epoch; no second stands twice.
    """

    calls: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `to_text` wrote."""
        pairs = (pair.split(":") for pair in text.split())
        return cls(tuple((int(second), int(count)) for second, count in pairs))

    def to_text(self) -> str:
        """Write the counted calls into a column."""
        return " ".join(f"{second}:{count}" for second, count in self.calls)

    def acquire(self, wanted: int, *, now: float, limit: int) -> tuple[int, RateLimiter]:
        """Ask for calls.

        Args:
            wanted: How many at the most.
            now: Seconds since the epoch.
            limit: Calls a minute.

        Returns:
            How many may go, and the limiter that counts them.
        """
        calls = dict(self._recent(now))
        granted = min(wanted, max(limit - sum(calls.values()), 0))
        if not granted:
            return 0, self
        calls[int(now)] = calls.get(int(now), 0) + granted
        return granted, RateLimiter(tuple(calls.items()))

    def release(self, unused: int, *, acquired_at: float) -> RateLimiter:
        """Return calls that were let through and not made.

        Args:
            unused: How many.
            acquired_at: When they were let through: others made theirs before and after.

        Returns:
            The limiter that counts them no more.
        """
        left = (
            (second, count - unused if second == int(acquired_at) else count)
            for second, count in self.calls
        )
        return RateLimiter(tuple((second, count) for second, count in left if count > 0))

    def next_at(self, *, now: float, limit: int) -> float:
        """Say when the next call may go.

        Args:
            now: Seconds since the epoch.
            limit: Calls a minute.

        Returns:
            Seconds since the epoch; `now` where the minute has calls left.
        """
        moment = now
        calls = sorted(self._recent(now))
        excess = sum(count for _, count in calls) - limit
        for second, count in calls:
            if excess < 0:
                break
            moment = max(moment, float(second + WINDOW_SECONDS + _SLACK_SECONDS))
            excess -= count
        return moment

    def _recent(self, now: float) -> tuple[tuple[int, int], ...]:
        # Another machine's clock may be a little ahead. A clock that was set back leaves calls
        # far in the future, which would block for ever.
        oldest, newest = now - WINDOW_SECONDS - _SLACK_SECONDS, now + WINDOW_SECONDS
        return tuple((second, count) for second, count in self.calls if oldest < second <= newest)


class Circuit(StrEnum):
    """What a circuit breaker lets through: everything, nothing, or one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Whether anything is sent at all.

    Attributes:
        failures: Failed calls in a row, over all processes.
        paused_since: When the pause began; None while closed.
        paused_until: When the next probe may go; None while closed.
        pause_reason: Why.
    """

    failures: int = 0
    paused_since: float | None = None
    paused_until: float | None = None
    pause_reason: str | None = None

    def state(self, now: float) -> Circuit:
        """Say what is let through at a moment, in seconds since the epoch."""
        if self.paused_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if now < self.paused_until else Circuit.HALF_OPEN

    def next_at(self, *, now: float) -> float:
        """Say when the next call may go; `now` where it may go at once."""
        return max(now, self.paused_until or now)

    def probing(self, *, now: float, timeout: float) -> CircuitBreaker:
        """Return the breaker while a probe of up to `timeout` seconds is out."""
        return replace(self, paused_until=now + timeout + PROBE_MARGIN_SECONDS)

    def after(self, outcome: Outcome, *, now: float, probe: bool) -> CircuitBreaker:
        """Take note of what a call came to.

        Args:
            outcome: What it came to.
            now: Seconds since the epoch.
            probe: Whether this call was a probe.

        Returns:
            The breaker after it.
        """
        if outcome.status is not Status.FAILED:
            # Any answer to the lead itself says that the API is there and lets us in. During a
            # pause only the probe's word counts: others were on their way before it.
            return self if self.paused_until is not None and not probe else CircuitBreaker()
        failures = self.failures + 1
        if outcome.reason is Reason.UNAUTHORIZED:
            pause = REFUSED_PAUSE_SECONDS
        elif outcome.reason is Reason.RATE_LIMITED or probe or failures >= FAILURES_TO_PAUSE:
            pause = PAUSE_SECONDS if outcome.retry_after is None else outcome.retry_after
        else:
            return replace(self, failures=failures)
        until = now + pause
        if self.paused_until is not None and not probe:
            until = max(until, self.paused_until)
        return CircuitBreaker(
            failures=failures,
            paused_since=now if self.paused_since is None else self.paused_since,
            paused_until=until,
            pause_reason=outcome.reason,
        )


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the row of an account holds: both of them.

    Attributes:
        limiter: How fast.
        breaker: Whether at all.
    """

    limiter: RateLimiter = RateLimiter()
    breaker: CircuitBreaker = CircuitBreaker()

    def acquire(
        self, wanted: int, *, now: float, limit: int, timeout: float
    ) -> tuple[int, bool, Throttle]:
        """Ask for calls.

        Args:
            wanted: How many at the most.
            now: Seconds since the epoch.
            limit: Calls a minute.
            timeout: Seconds that one call may take.

        Returns:
            How many may go, whether it is a probe, and the throttle that counts them.
        """
        state = self.breaker.state(now)
        if state is Circuit.OPEN:
            return 0, False, self
        probe = state is Circuit.HALF_OPEN
        granted, limiter = self.limiter.acquire(
            min(wanted, 1) if probe else wanted, now=now, limit=limit
        )
        if not granted:
            return 0, False, self
        breaker = self.breaker.probing(now=now, timeout=timeout) if probe else self.breaker
        return granted, probe, Throttle(limiter, breaker)

    def next_at(self, *, now: float, limit: int) -> float:
        """Say when the next call may go, in seconds since the epoch."""
        return max(self.limiter.next_at(now=now, limit=limit), self.breaker.next_at(now=now))
