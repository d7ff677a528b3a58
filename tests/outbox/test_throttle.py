"""The pace and the pauses that all drainers of an account share."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.throttle import PERMIT_TTL, Circuit, RateLimiter, Throttle

NOW = 1_800_000_000.0
SENT = Outcome(Status.SENT, code=200)
DUPLICATE = Outcome(Status.DUPLICATE, code=422)
BAD_REQUEST = Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400)
UNKNOWN = Outcome(Status.REJECTED, Reason.UNKNOWN_VISITOR, code=404)
DOWN = Outcome(Status.FAILED, Reason.SERVER_ERROR, code=503)
NETWORK = Outcome(Status.FAILED, Reason.NETWORK)
LIMITED = Outcome(Status.FAILED, Reason.RATE_LIMITED, code=429)
UNAUTHORIZED = Outcome(Status.FAILED, Reason.UNAUTHORIZED, code=401)


def acquire(
    throttle: Throttle, wanted: int = 1, *, now: float = NOW, limit: int = 300
) -> tuple[int, bool, Throttle]:
    """Ask for calls of 10 seconds each at the most."""
    return throttle.acquire(wanted, now=now, limit=limit, timeout=10.0)


def after(
    throttle: Throttle, *outcomes: Outcome, now: float = NOW, probe: bool = False
) -> Throttle:
    """Tell a throttle what calls came to."""
    breaker = throttle.breaker
    for outcome in outcomes:
        breaker = breaker.after(outcome, now=now, probe=probe)
    return Throttle(throttle.limiter, breaker)


def state(throttle: Throttle, *, now: float = NOW) -> Circuit:
    """Say what is let through."""
    return throttle.breaker.state(now)


def release(throttle: Throttle, unused: int, *, acquired_at: float) -> Throttle:
    """Give calls back."""
    limiter = throttle.limiter.release(unused, acquired_at=acquired_at)
    return Throttle(limiter, throttle.breaker)


def test_a_fresh_throttle_lets_through_what_the_minute_has_left() -> None:
    """300 a minute: 250, then 50, then nothing."""
    first, probe, throttle = acquire(Throttle(), 250)
    second, _, throttle = acquire(throttle, 250, now=NOW + 1)
    third, _, same = acquire(throttle, 1, now=NOW + 2)

    assert (first, second, third, probe) == (250, 50, 0, False)
    assert same == throttle


def test_calls_count_for_a_whole_minute_and_not_much_longer() -> None:
    """What began a second after it was let through is still within the rolling minute."""
    _, _, throttle = acquire(Throttle(), 300, now=NOW + 0.9)

    assert acquire(throttle, now=NOW + 60.9 + PERMIT_TTL - 0.01)[0] == 0
    assert acquire(throttle, 300, now=NOW + 62)[0] == 300


def test_the_moment_when_the_next_call_may_go_is_exact() -> None:
    """`next_at` is the first moment at which `acquire` says yes."""
    _, _, throttle = acquire(Throttle(), 200, now=NOW)
    _, _, throttle = acquire(throttle, 100, now=NOW + 30)
    opens = throttle.next_at(now=NOW + 31, limit=300)

    assert acquire(throttle, now=opens - 0.001)[0] == 0
    assert acquire(throttle, 300, now=opens)[0] == 200
    assert throttle.next_at(now=NOW + 31, limit=301) == NOW + 31
    assert throttle.next_at(now=NOW + 31, limit=50) == NOW + 92


def test_a_fresh_throttle_lets_a_call_go_now() -> None:
    """Nothing stands in the way of the first call."""
    assert Throttle().next_at(now=NOW, limit=1) == NOW


def test_calls_that_were_not_made_are_given_back_where_they_were_counted() -> None:
    """Another drainer's calls before and after stay counted at their own time."""
    _, _, throttle = acquire(Throttle(), 10, now=NOW)
    _, _, throttle = acquire(throttle, 20, now=NOW + 5)
    _, _, throttle = acquire(throttle, 30, now=NOW + 9)

    throttle = release(throttle, 15, acquired_at=NOW + 5.7)
    assert throttle.limiter.calls == ((int(NOW), 10), (int(NOW) + 5, 5), (int(NOW) + 9, 30))
    throttle = release(throttle, 5, acquired_at=NOW + 5)
    assert throttle.limiter.calls == ((int(NOW), 10), (int(NOW) + 9, 30))
    assert release(throttle, 1, acquired_at=NOW + 70) == throttle


def test_calls_of_one_second_are_counted_together() -> None:
    """The column stays short however many drainers there are."""
    _, _, throttle = acquire(Throttle(), 10, now=NOW + 0.1)
    _, _, throttle = acquire(throttle, 10, now=NOW + 0.9)

    assert throttle.limiter.calls == ((int(NOW), 20),)


def test_the_calls_survive_their_column() -> None:
    """What one process counts another reads."""
    calls = ((int(NOW), 3), (int(NOW) + 7, 250))

    assert RateLimiter.from_text(RateLimiter(calls).to_text()) == RateLimiter(calls)
    assert RateLimiter.from_text("") == RateLimiter.from_text(RateLimiter().to_text())


def test_the_column_is_bounded() -> None:
    """At most one entry a second of the last minute and the next."""
    throttle = Throttle()
    for second in range(1000):
        _, _, throttle = acquire(throttle, 1, now=NOW + second)

    assert len(throttle.limiter.calls) <= 63


@given(
    limit=st.integers(1, 30),
    seed=st.integers(0, 10_000),
    skew=st.sampled_from([0.0, 0.02, 0.4]),
)
def test_no_rolling_minute_sees_more_calls_than_allowed(limit: int, seed: int, skew: float) -> None:
    """Drainers that begin calls up to a second late and give some back; their clocks differ."""
    draw = random.Random(seed)  # noqa: S311 - repeatable
    throttle, now = Throttle(), NOW
    calls: list[float] = []
    pending: list[tuple[float, int]] = []
    for _ in range(300):
        now += draw.choice([0.0, 0.1, 0.4, 1.0, 7.0])
        wrong_by = draw.choice([0.0, skew])
        granted, _, throttle = acquire(
            throttle, draw.randint(1, 10), now=now + wrong_by, limit=limit
        )
        used = draw.randint(0, granted)
        calls += [now + draw.uniform(0.0, PERMIT_TTL - wrong_by) for _ in range(used)]
        pending.append((now + wrong_by, granted - used))
        if draw.random() < 0.7:
            at, unused = pending.pop(draw.randrange(len(pending)))
            throttle = release(throttle, unused, acquired_at=at)
    calls.sort()

    for first, begin in enumerate(calls[: len(calls) - limit]):
        assert calls[first + limit] - begin >= 60.0 - skew


def test_a_clock_a_little_ahead_does_not_forget_the_others_calls() -> None:
    """Two machines whose clocks differ by a second share one pace."""
    _, _, throttle = acquire(Throttle(), 300, now=NOW + 1)

    assert acquire(throttle, now=NOW)[0] == 0


@pytest.mark.parametrize("hour", [-3600.0, 3600.0])
def test_a_clock_that_jumps_an_hour_does_not_stop_the_pace(hour: float) -> None:
    """Calls counted in the far future or past count no more."""
    _, _, throttle = acquire(Throttle(), 300)

    assert acquire(throttle, 300, now=NOW + hour)[0] == 300
    assert throttle.next_at(now=NOW + hour, limit=300) == NOW + hour


@pytest.mark.parametrize("failure", [DOWN, NETWORK])
def test_four_failures_in_a_row_pause_nothing_and_the_fifth_does(failure: Outcome) -> None:
    """One blip is no outage."""
    four = after(Throttle(), *[failure] * 4)
    five = after(four, failure)

    assert state(four) is Circuit.CLOSED
    assert acquire(four, 50)[0] == 50
    assert state(five) is Circuit.OPEN
    assert state(five, now=NOW + 60) is Circuit.HALF_OPEN
    assert (five.breaker.paused_since, five.breaker.paused_until) == (NOW, NOW + 60)
    assert five.breaker.pause_reason == failure.reason
    assert acquire(five, now=NOW + 59.9)[0] == 0


@pytest.mark.parametrize("answer", [SENT, DUPLICATE, BAD_REQUEST, UNKNOWN])
def test_an_answer_to_the_lead_itself_begins_the_count_anew(answer: Outcome) -> None:
    """200, 422, 400 and 404 all say that the API is there."""
    assert state(after(Throttle(), *[DOWN] * 4, answer, *[DOWN] * 4)) is Circuit.CLOSED


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [
        (LIMITED, 60.0),
        (Outcome(Status.FAILED, Reason.RATE_LIMITED, 0.0, 429), 0.0),
        (Outcome(Status.FAILED, Reason.RATE_LIMITED, 17.0, 429), 17.0),
        (Outcome(Status.FAILED, Reason.RATE_LIMITED, 3600.0, 429), 3600.0),
        (UNAUTHORIZED, 300.0),
        (Outcome(Status.FAILED, Reason.UNAUTHORIZED, 5.0, 403), 300.0),
    ],
)
def test_these_pause_at_once(outcome: Outcome, seconds: float) -> None:
    """429 for what it asks, else a minute; refused credentials for five minutes."""
    throttle = after(Throttle(), outcome)

    assert throttle.breaker.paused_until == NOW + seconds
    assert throttle.breaker.pause_reason == outcome.reason


def test_the_fifth_failures_own_retry_after_counts() -> None:
    """503 with Retry-After: 120 pauses two minutes."""
    asks = Outcome(Status.FAILED, Reason.SERVER_ERROR, 120.0, 503)

    assert after(Throttle(), *[DOWN] * 4, asks).breaker.paused_until == NOW + 120


def test_after_a_pause_one_probe_goes_and_nobody_else() -> None:
    """The second drainer that asks gets nothing until the probe has come back or died."""
    paused = after(Throttle(), LIMITED)
    granted, probe, throttle = acquire(paused, 50, now=NOW + 60)

    assert (granted, probe) == (1, True)
    assert acquire(throttle, 50, now=NOW + 60) == (0, False, throttle)
    assert throttle.next_at(now=NOW + 60, limit=300) == NOW + 72


def test_a_prober_that_dies_frees_its_place_after_the_timeout_and_two_seconds() -> None:
    """FPROM_TIMEOUT + 2 s after it began another may probe."""
    _, _, throttle = acquire(after(Throttle(), LIMITED), now=NOW + 60)

    assert acquire(throttle, now=NOW + 71.99)[0] == 0
    assert acquire(throttle, now=NOW + 72)[:2] == (1, True)


def test_a_probe_counts_as_a_call() -> None:
    """A pause does not lift the limit."""
    _, _, throttle = acquire(Throttle(), 1, limit=1)

    assert acquire(after(throttle, LIMITED, now=NOW), now=NOW + 60, limit=1)[0] == 0


@pytest.mark.parametrize("answer", [SENT, DUPLICATE, BAD_REQUEST, UNKNOWN])
def test_a_probe_that_is_answered_closes_the_circuit(answer: Outcome) -> None:
    """All is forgotten."""
    _, _, throttle = acquire(after(Throttle(), *[DOWN] * 7), now=NOW + 60)
    throttle = after(throttle, answer, now=NOW + 61, probe=True)

    assert throttle == Throttle(throttle.limiter)


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [(DOWN, 60.0), (NETWORK, 60.0), (LIMITED, 60.0), (UNAUTHORIZED, 300.0)],
)
def test_a_probe_that_fails_renews_the_pause(outcome: Outcome, seconds: float) -> None:
    """The pause began when it began; its reason is the last one."""
    _, _, throttle = acquire(after(Throttle(), LIMITED), now=NOW + 60)
    throttle = after(throttle, outcome, now=NOW + 61, probe=True)

    assert throttle.breaker.paused_since == NOW
    assert throttle.breaker.paused_until == NOW + 61 + seconds
    assert throttle.breaker.pause_reason == outcome.reason


@pytest.mark.parametrize("outcome", [SENT, DUPLICATE, UNKNOWN])
def test_a_call_that_was_on_its_way_before_the_pause_does_not_end_it(outcome: Outcome) -> None:
    """Only the probe's word counts."""
    paused = after(Throttle(), LIMITED)

    assert after(paused, outcome, now=NOW + 5) == paused


def test_a_failure_from_before_the_pause_never_shortens_it() -> None:
    """429 with 5 s must not cut the five minutes of a 401."""
    paused = after(Throttle(), UNAUTHORIZED)
    late = after(paused, Outcome(Status.FAILED, Reason.RATE_LIMITED, 5.0, 429), now=NOW + 1)

    assert late.breaker.paused_until == NOW + 300


@pytest.mark.parametrize("hour", [-3600.0, 3600.0])
def test_a_clock_that_jumps_an_hour_ends_every_pause_in_time(hour: float) -> None:
    """Set forward it ends early; set back it ends that hour later, never never."""
    paused = after(Throttle(), UNAUTHORIZED)
    opens = paused.next_at(now=NOW + hour, limit=300)

    assert opens <= NOW + 3600
    assert acquire(paused, now=opens)[:2] == (1, True)
