"""What all drainers of one account share: how fast, and whether at all. Pure decisions.

`RateLimiter` counts calls over a sliding window. `CircuitBreaker` is closed, open until a moment,
and half-open after it: then one drainer may probe. While it does the circuit is open for as long
as the probe may take, so the place of a prober that dies is free again by itself. There is one
breaker for all, and one for each set of credentials that the API refused.

What a column holds is read with care: a damaged text counts as empty, and a moment that lies
further ahead than any pause may last, which a clock that was wrong has left, counts as over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..api.protocol import Outcome

WINDOW_SECONDS: Final = 60
"""Seconds over which calls are counted."""
PERMIT_TTL: Final = 1.0
"""Seconds within which a call that was let through has to begin."""
_SLACK_SECONDS: Final = 2
"""Seconds that a call may be younger than it counts: `PERMIT_TTL`, and the second it began in."""
FAILURES_TO_PAUSE: Final = 5
EVENTS_TO_PAUSE: Final = 3
"""Different events that must be among those failures: one that fails alone pauses nothing."""
PROBES: Final = 3
"""Calls of a probe where the pause is about failures: one bad event must not keep it up."""
PAUSE_SECONDS: Final = 60.0
"""Seconds of a pause after failures, and after a 429 that names no time of its own."""
LONGEST_PAUSE_SECONDS: Final = 3600.0
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
    def from_text(cls, text: object) -> Self:
        """Read what `to_text` wrote; a text that is damaged counts as empty."""
        try:
            pairs = (pair.split(":") for pair in str(text or "").split())
            calls = {int(second): int(count) for second, count in pairs}
        except ValueError:
            return cls()
        return cls(tuple((second, count) for second, count in calls.items() if count > 0))

    def to_text(self) -> str:
        """Write the counted calls into a column."""
        return " ".join(f"{second}:{count}" for second, count in self.calls)

    def acquire(
        self, wanted: int, *, now: float, limit: int, permit_at: float | None = None
    ) -> tuple[int, RateLimiter]:
        """Ask for calls.

        Args:
            wanted: How many at the most.
            now: Seconds since the epoch.
            permit_at: When they are counted, where not now: never before they begin.
            limit: Calls a minute.

        Returns:
            How many may go, and the limiter that counts them.
        """
        calls = dict(self._recent(now))
        granted = min(wanted, max(limit - sum(calls.values()), 0))
        if not granted:
            return 0, self
        second = int(now if permit_at is None else permit_at)
        calls[second] = calls.get(second, 0) + granted
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
    """What a circuit breaker lets through: everything, nothing, or a probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """Whether anything is sent at all.

    Attributes:
        failures: Failed calls in a row, over all processes.
        failed_events: Ids of different events among them, `EVENTS_TO_PAUSE` at the most.
        paused_since: When the pause began; None while closed.
        paused_until: When the next probe may go; None while closed.
        pause_reason: Why.
    """

    failures: int = 0
    failed_events: tuple[int, ...] = ()
    paused_since: float | None = None
    paused_until: float | None = None
    pause_reason: str | None = None

    @property
    def probes(self) -> int:
        """How many calls a probe is."""
        return 1 if self.pause_reason in {Reason.RATE_LIMITED, Reason.UNAUTHORIZED} else PROBES

    def state(self, now: float) -> Circuit:
        """Say what is let through at a moment, in seconds since the epoch."""
        if self.paused_until is None:
            return Circuit.CLOSED
        return Circuit.OPEN if self.next_at(now=now) > now else Circuit.HALF_OPEN

    def next_at(self, *, now: float) -> float:
        """Say when the next call may go; `now` where it may go at once."""
        return max(now, self.mended(now).paused_until or now)

    def mended(self, now: float) -> CircuitBreaker:
        """Return the breaker half-open where its pause would last longer than any may."""
        if self.paused_until is None or self.paused_until <= now + LONGEST_PAUSE_SECONDS:
            return self
        return replace(self, paused_until=now)

    def probing(self, calls: int, *, now: float, timeout: float) -> CircuitBreaker:
        """Return the breaker while a probe of so many calls of up to `timeout` seconds is out."""
        return replace(self, paused_until=now + calls * timeout + PROBE_MARGIN_SECONDS)

    def opened(self, seconds: float, reason: Reason, *, now: float, probe: bool) -> CircuitBreaker:
        """Return the breaker with a pause that begins, or goes on.

        Args:
            seconds: From now.
            reason: Why.
            now: Seconds since the epoch.
            probe: True where a probe has failed: only then may a pause that is on get shorter.
        """
        until = now + seconds
        if not probe:
            until = max(until, self.next_at(now=now))
        return replace(
            self,
            paused_since=now if self.paused_since is None else min(self.paused_since, now),
            paused_until=until,
            pause_reason=reason,
        )

    def after(self, outcome: Outcome, *, event: int, now: float, probe: bool) -> CircuitBreaker:
        """Take note of what a call came to; refused credentials are not its business.

        Args:
            outcome: What it came to.
            event: The id of the event that was sent.
            now: Seconds since the epoch.
            probe: Whether this call was part of a probe.

        Returns:
            The breaker after it.
        """
        paused = self.paused_until is not None
        if outcome.status is not Status.FAILED:
            # Any answer to the event itself says that the API is there and lets us in. During a
            # pause only the probe's word counts: others were on their way before it.
            return self if paused and not probe else CircuitBreaker()
        events = {*self.failed_events, event}
        failed = replace(self, failures=self.failures + 1)
        if len(events) <= EVENTS_TO_PAUSE:
            failed = replace(failed, failed_events=tuple(sorted(events)))
        reason = outcome.reason or Reason.UNEXPECTED
        if reason is Reason.RATE_LIMITED:
            pause = PAUSE_SECONDS if outcome.retry_after is None else outcome.retry_after
            return failed.opened(pause, reason, now=now, probe=probe)
        if (paused and probe) or (
            failed.failures >= FAILURES_TO_PAUSE and len(failed.failed_events) >= EVENTS_TO_PAUSE
        ):
            return failed.opened(PAUSE_SECONDS, reason, now=now, probe=probe)
        return failed


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the row of an account holds.

    Attributes:
        limiter: How fast.
        breaker: Whether at all.
        refused: For credentials that the API refused, by their fingerprint, the breaker that
            holds for them alone.
    """

    limiter: RateLimiter = RateLimiter()
    breaker: CircuitBreaker = CircuitBreaker()
    refused: Mapping[str, CircuitBreaker] = field(default_factory=dict)

    def pause(self, credentials: str) -> CircuitBreaker:
        """Return the breaker that says most about drainers with these credentials.

        Without any, of a look that has no key, that of whichever were refused.
        """
        if not credentials:
            return next(iter(self.refused.values()), self.breaker)
        return self.refused.get(credentials, self.breaker)

    def probes(self, credentials: str, *, now: float) -> int | None:
        """Say how much may be sent.

        Returns:
            None for no bound, 0 for nothing, else the calls of a probe.
        """
        breakers = [self.breaker]
        if credentials in self.refused:
            breakers.append(self.refused[credentials])
        states = [breaker.state(now) for breaker in breakers]
        if Circuit.OPEN in states:
            return 0
        return min(
            (
                breaker.probes
                for breaker, state in zip(breakers, states, strict=True)
                if state is Circuit.HALF_OPEN
            ),
            default=None,
        )

    def acquire(
        self,
        wanted: int,
        *,
        credentials: str,
        now: float,
        permit_at: float,
        limit: int,
        timeout: float,
    ) -> tuple[int, Throttle]:
        """Ask for calls, as many as `probes` allows at the most.

        Args:
            wanted: How many.
            credentials: The fingerprint of those that will be sent.
            now: Seconds since the epoch.
            permit_at: When the calls are counted, where not now.
            limit: Calls a minute.
            timeout: Seconds that one call may take.

        Returns:
            How many may go, and the throttle that counts them.
        """
        granted, limiter = self.limiter.acquire(wanted, now=now, permit_at=permit_at, limit=limit)
        if not granted:
            return 0, self

        def out(breaker: CircuitBreaker) -> CircuitBreaker:
            if breaker.state(now) is Circuit.CLOSED:
                return breaker
            return breaker.probing(granted, now=now, timeout=timeout)

        refused = dict(self.refused)
        if credentials in refused:
            refused[credentials] = out(refused[credentials])
        return granted, Throttle(limiter, out(self.breaker), refused)

    def after(
        self, outcome: Outcome, *, credentials: str, event: int, now: float, probe: bool
    ) -> Throttle:
        """Take note of what a call came to, as `CircuitBreaker.after` does.

        Args:
            outcome: What it came to.
            credentials: The fingerprint of those that were sent.
            event: The id of the event that was sent.
            now: Seconds since the epoch.
            probe: Whether this call was part of a probe.
        """
        refused, breaker = dict(self.refused), self.breaker
        mine = refused.get(credentials)
        if outcome.reason is Reason.UNAUTHORIZED:
            refused[credentials] = (mine or CircuitBreaker()).opened(
                REFUSED_PAUSE_SECONDS, Reason.UNAUTHORIZED, now=now, probe=probe
            )
            if probe and breaker.paused_until is not None:
                # The probe's place is free: other credentials may be let in.
                breaker = replace(breaker, paused_until=now)
            return Throttle(self.limiter, breaker, refused)
        if mine is not None and probe:
            if outcome.status is Status.FAILED:
                refused[credentials] = mine.opened(
                    REFUSED_PAUSE_SECONDS, Reason.UNAUTHORIZED, now=now, probe=True
                )
            else:
                del refused[credentials]
        breaker = breaker.after(outcome, event=event, now=now, probe=probe)
        return Throttle(self.limiter, breaker, refused)

    def mended(self, now: float) -> Throttle:
        """Return the throttle without pauses that a clock which was wrong has left."""
        refused = {name: breaker.mended(now) for name, breaker in self.refused.items()}
        return Throttle(self.limiter, self.breaker.mended(now), refused)

    def resumed(self, credentials: str | None) -> Throttle:
        """Return the throttle without a pause; with credentials, only theirs is lifted."""
        if credentials is None:
            return Throttle(self.limiter)
        refused = {name: pause for name, pause in self.refused.items() if name != credentials}
        return replace(self, refused=refused)

    def next_at(self, *, credentials: str, now: float, limit: int) -> float:
        """Say when the next call may go, in seconds since the epoch."""
        refused = self.refused.get(credentials, CircuitBreaker())
        return max(
            self.limiter.next_at(now=now, limit=limit),
            self.breaker.next_at(now=now),
            refused.next_at(now=now),
        )
