"""The pace and the pauses that all drainers of an account share."""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.throttle import PERMIT_TTL, RateLimiter, Throttle

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    limiter: RateLimiter, wanted: int = 1, *, now: float = NOW, limit: int = 300
) -> tuple[int, RateLimiter]:
    """Ask for calls."""
    return limiter.acquire(wanted, now=now, limit=limit)


def test_a_fresh_throttle_lets_through_what_the_minute_has_left() -> None:
    """300 a minute: 250, then 50, then nothing."""
    first, limiter = acquire(RateLimiter(), 250)
    second, limiter = acquire(limiter, 250, now=NOW + 1)
    third, same = acquire(limiter, 1, now=NOW + 2)

    assert (first, second, third) == (250, 50, 0)
    assert same == limiter


def test_calls_count_for_a_whole_minute_and_not_much_longer() -> None:
    """What began a second after it was let through is still within the rolling minute."""
    _, limiter = acquire(RateLimiter(), 300, now=NOW + 0.9)

    assert acquire(limiter, now=NOW + 60.9 + PERMIT_TTL - 0.01)[0] == 0
    assert acquire(limiter, 300, now=NOW + 62)[0] == 300


def test_the_moment_when_the_next_call_may_go_is_exact() -> None:
    """`next_at` is the first moment at which `acquire` says yes."""
    _, limiter = acquire(RateLimiter(), 200, now=NOW)
    _, limiter = acquire(limiter, 100, now=NOW + 30)
    opens = limiter.next_at(now=NOW + 31, limit=300)

    assert acquire(limiter, now=opens - 0.001)[0] == 0
    assert acquire(limiter, 300, now=opens)[0] == 200
    assert limiter.next_at(now=NOW + 31, limit=301) == NOW + 31
    assert limiter.next_at(now=NOW + 31, limit=50) == NOW + 92


def test_a_fresh_throttle_lets_a_call_go_now() -> None:
    """Nothing stands in the way of the first call."""
    assert RateLimiter().next_at(now=NOW, limit=1) == NOW


def test_calls_that_were_not_made_are_given_back_where_they_were_counted() -> None:
    """Another drainer's calls before and after stay counted at their own time."""
    _, limiter = acquire(RateLimiter(), 10, now=NOW)
    _, limiter = acquire(limiter, 20, now=NOW + 5)
    _, limiter = acquire(limiter, 30, now=NOW + 9)

    limiter = limiter.release(15, acquired_at=NOW + 5.7)
    assert limiter.calls == ((int(NOW), 10), (int(NOW) + 5, 5), (int(NOW) + 9, 30))
    limiter = limiter.release(5, acquired_at=NOW + 5)
    assert limiter.calls == ((int(NOW), 10), (int(NOW) + 9, 30))
    assert limiter.release(1, acquired_at=NOW + 70) == limiter


def test_calls_of_one_second_are_counted_together() -> None:
    """The column stays short however many drainers there are."""
    _, limiter = acquire(RateLimiter(), 10, now=NOW + 0.1)
    _, limiter = acquire(limiter, 10, now=NOW + 0.9)

    assert limiter.calls == ((int(NOW), 20),)


def test_the_calls_survive_their_column() -> None:
    """What one process counts another reads."""
    calls = ((int(NOW), 3), (int(NOW) + 7, 250))

    assert RateLimiter.from_text(RateLimiter(calls).to_text()) == RateLimiter(calls)
    assert RateLimiter.from_text("") == RateLimiter.from_text(RateLimiter().to_text())


def test_the_column_is_bounded() -> None:
    """At most one entry a second of the last minute and the next."""
    limiter = RateLimiter()
    for second in range(1000):
        _, limiter = acquire(limiter, 1, now=NOW + second)

    assert len(limiter.calls) <= 63


@given(
    limit=st.integers(1, 30),
    seed=st.integers(0, 10_000),
    skew=st.sampled_from([0.0, 0.02, 0.4]),
)
def test_no_rolling_minute_sees_more_calls_than_allowed(limit: int, seed: int, skew: float) -> None:
    """Drainers that begin calls up to a second late and give some back; their clocks differ."""
    draw = random.Random(seed)  # noqa: S311 - repeatable
    limiter, now = RateLimiter(), NOW
    calls: list[float] = []
    pending: list[tuple[float, int]] = []
    for _ in range(300):
        now += draw.choice([0.0, 0.1, 0.4, 1.0, 7.0])
        wrong_by = draw.choice([0.0, skew])
        granted, limiter = acquire(limiter, draw.randint(1, 10), now=now + wrong_by, limit=limit)
        used = draw.randint(0, granted)
        calls += [now + draw.uniform(0.0, PERMIT_TTL - wrong_by) for _ in range(used)]
        pending.append((now + wrong_by, granted - used))
        if draw.random() < 0.7:
            at, unused = pending.pop(draw.randrange(len(pending)))
            limiter = limiter.release(unused, acquired_at=at)
    calls.sort()

    for first, begin in enumerate(calls[: len(calls) - limit]):
        assert calls[first + limit] - begin >= 60.0 - skew


def test_a_clock_a_little_ahead_does_not_forget_the_others_calls() -> None:
    """Two machines whose clocks differ by a second share one pace."""
    _, limiter = acquire(RateLimiter(), 300, now=NOW + 1)

    assert acquire(limiter, now=NOW)[0] == 0


@pytest.mark.parametrize("hour", [-3600.0, 3600.0])
def test_a_clock_that_jumps_an_hour_does_not_stop_the_pace(hour: float) -> None:
    """Calls counted in the far future or past count no more."""
    _, limiter = acquire(RateLimiter(), 300)

    assert acquire(limiter, 300, now=NOW + hour)[0] == 300
    assert limiter.next_at(now=NOW + hour, limit=300) == NOW + hour


def test_the_calls_of_a_probe_count_where_the_last_of_them_may_come() -> None:
    """One comes after the other: counted too late, they never exceed the pace."""
    granted, limiter = RateLimiter().acquire(3, now=NOW, permit_at=NOW + 20, limit=5)

    assert granted == 3
    assert acquire(limiter, 9, now=NOW + 1, limit=5)[0] == 2
    assert acquire(limiter, 9, now=NOW + 81, limit=5)[0] == 2
    assert acquire(limiter, 9, now=NOW + 82, limit=5)[0] == 5
    assert limiter.release(3, acquired_at=NOW + 20) == RateLimiter()


@pytest.mark.parametrize("text", ["nonsense", "1:2:3", "1", "1:x", None, 7, "5:-1", b"1:1"])
def test_a_damaged_column_counts_as_empty(text: object) -> None:
    """Nothing that stands there ends the drain."""
    assert RateLimiter.from_text(text) == RateLimiter()


# Pauses

MINE, OTHERS = "fingerprint", "another"


class Account:
    """The throttle of an account, and what happens to it."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self.now = NOW

    def answer(
        self,
        *outcomes: Outcome,
        events: Iterable[int] = count(),
        probe: bool = False,
        credentials: str = MINE,
    ) -> None:
        """Tell it what calls came to, each of another event."""
        for outcome, event in zip(outcomes, events, strict=False):
            self.throttle = self.throttle.after(
                outcome, credentials=credentials, event=event, now=self.now, probe=probe
            )

    def allows(self, credentials: str = MINE) -> int | None:
        """Say what may be sent: None is anything, 0 nothing, a number the calls of a probe."""
        return self.throttle.probes(credentials, now=self.now)

    def probe(self, calls: int = 1, *, timeout: float = 10.0, credentials: str = MINE) -> None:
        """Begin a probe."""
        granted, self.throttle = self.throttle.acquire(
            calls,
            credentials=credentials,
            now=self.now,
            permit_at=self.now,
            limit=300,
            timeout=timeout,
        )
        assert granted == calls

    def opens(self, credentials: str = MINE) -> float:
        """Say in how many seconds the next call may go."""
        at = self.throttle.next_at(credentials=credentials, now=self.now, limit=300)
        return at - self.now


@pytest.fixture
def account() -> Account:
    """An account whose circuit is closed."""
    return Account()


FIVE_OF_THREE = (1, 2, 3, 1, 2)


@pytest.mark.parametrize(
    ("events", "allowed"),
    [
        ((1, 2, 3, 4), None),
        ((1, 2, 3, 4, 5), 0),
        (FIVE_OF_THREE, 0),
        ((1, 2, 1, 2, 1, 2, 1, 2), None),
        ((7,) * 100, None),
        ((7, 7, 7, 7, 8, 9), 0),
    ],
)
@pytest.mark.parametrize("failure", [DOWN, NETWORK])
def test_five_failures_in_a_row_of_three_events_pause_all(
    account: Account, events: tuple[int, ...], allowed: int | None, failure: Outcome
) -> None:
    """One blip is no outage, and what fails alone is not the API's fault."""
    account.answer(*[failure] * len(events), events=events)

    assert account.allows() == allowed
    if allowed == 0:
        breaker = account.throttle.breaker
        assert (breaker.paused_since, breaker.paused_until) == (NOW, NOW + 60)
        assert breaker.pause_reason == failure.reason
        assert account.opens() == 60


@pytest.mark.parametrize("answer", [SENT, DUPLICATE, BAD_REQUEST, UNKNOWN])
def test_an_answer_to_an_event_itself_begins_the_count_anew(
    account: Account, answer: Outcome
) -> None:
    """200, 422, 400 and 404 all say that the API is there."""
    account.answer(*[DOWN] * 4, answer, *[DOWN] * 4)

    assert account.allows() is None


def test_what_fails_while_others_get_through_never_pauses(account: Account) -> None:
    """Sixty events that fail alone, for as long as anything else is sent."""
    for event in range(60):
        account.answer(DOWN, DOWN, SENT, events=[event, event + 1, 99])

    assert account.allows() is None


def test_the_retry_after_of_one_event_is_its_own(account: Account) -> None:
    """503 with an hour pauses the others for a minute; only a 429 speaks for all."""
    asks = Outcome(Status.FAILED, Reason.SERVER_ERROR, 3600.0, 503)
    account.answer(*[asks] * 5)

    assert account.opens() == 60


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
def test_these_pause_at_once(account: Account, outcome: Outcome, seconds: float) -> None:
    """429 for what it asks, else a minute; refused credentials for five minutes."""
    account.answer(outcome)

    assert account.opens() == seconds
    assert account.throttle.pause(MINE).pause_reason == outcome.reason
    account.now += seconds
    assert account.allows() == 1


@pytest.mark.parametrize(("outcome", "calls"), [(DOWN, 3), (LIMITED, 1), (UNAUTHORIZED, 1)])
def test_after_a_pause_one_drainer_probes(account: Account, outcome: Outcome, calls: int) -> None:
    """With up to three events after failures; until it is back or has died no other may."""
    account.answer(*[outcome] * 5)
    account.now += 300
    assert account.allows() == calls
    account.probe(calls)

    assert account.allows() == 0
    assert account.opens() == calls * 10 + 2
    account.now += calls * 10 + 1.99
    assert account.allows() == 0
    account.now += 0.01
    assert account.allows() == calls


def test_a_probe_counts_as_a_call(account: Account) -> None:
    """A pause does not lift the limit."""
    account.answer(LIMITED)
    account.now += 60
    account.probe()

    assert sum(calls for _, calls in account.throttle.limiter.calls) == 1


@pytest.mark.parametrize("answer", [SENT, DUPLICATE, BAD_REQUEST, UNKNOWN])
@pytest.mark.parametrize("failed", [0, 1, 2])
@pytest.mark.parametrize("late", [0, 1])
def test_one_event_of_a_probe_that_gets_through_ends_the_pause(
    account: Account, answer: Outcome, failed: int, late: int
) -> None:
    """All is forgotten, whatever became of the other two."""
    account.answer(*[DOWN] * 7)
    account.now += 60
    account.probe(3)
    account.answer(*[DOWN] * failed, answer, *[DOWN] * late, probe=True)

    assert account.allows() is None
    assert account.throttle.breaker.failures == late


@pytest.mark.parametrize(("outcome", "seconds"), [(DOWN, 60.0), (NETWORK, 60.0), (LIMITED, 60.0)])
def test_a_probe_that_fails_renews_the_pause(
    account: Account, outcome: Outcome, seconds: float
) -> None:
    """The pause began when it began; its reason is the last one."""
    account.answer(LIMITED)
    account.now += 60
    account.probe()
    account.now += 1
    account.answer(outcome, probe=True)

    assert account.opens() == seconds
    assert account.throttle.breaker.paused_since == NOW
    assert account.throttle.breaker.pause_reason == outcome.reason


@pytest.mark.parametrize("pause", [LIMITED, UNAUTHORIZED])
@pytest.mark.parametrize("outcome", [SENT, DUPLICATE, UNKNOWN])
def test_a_call_that_was_on_its_way_before_the_pause_does_not_end_it(
    account: Account, outcome: Outcome, pause: Outcome
) -> None:
    """Only the probe's word counts."""
    account.answer(pause)
    paused = account.throttle
    account.now += 5
    account.answer(outcome)

    assert account.throttle == paused


def test_a_failure_from_before_the_pause_never_shortens_it(account: Account) -> None:
    """429 with 5 s must not cut the minute of another."""
    account.answer(LIMITED)
    account.answer(Outcome(Status.FAILED, Reason.RATE_LIMITED, 5.0, 429))

    assert account.opens() == 60


# Refused credentials


def test_other_credentials_are_not_paused(account: Account) -> None:
    """The key is corrected: nobody waits for the old one's pause, which holds for it alone."""
    account.answer(UNAUTHORIZED)
    assert (account.allows(), account.allows(OTHERS)) == (0, None)
    account.answer(*[SENT] * 9, credentials=OTHERS)

    assert (account.allows(), account.allows(OTHERS)) == (0, None)
    account.now += 300
    assert account.allows() == 1


def test_each_of_two_wrong_keys_has_a_pause_of_its_own(account: Account) -> None:
    """A rolling deploy from one mistake to the next."""
    account.answer(UNAUTHORIZED)
    account.now += 100
    account.answer(UNAUTHORIZED, credentials=OTHERS)

    assert (account.opens(), account.opens(OTHERS)) == (200, 300)


@pytest.mark.parametrize(
    ("answer", "opens"), [(SENT, 0), (UNKNOWN, 0), (DOWN, 300), (UNAUTHORIZED, 300), (LIMITED, 300)]
)
def test_the_probe_of_refused_credentials(account: Account, answer: Outcome, opens: float) -> None:
    """Any answer to the event lets them in again; what says nothing about them renews the pause."""
    account.answer(UNAUTHORIZED)
    account.now += 300
    account.probe()
    assert account.allows(OTHERS) is None
    account.answer(answer, probe=True)

    assert account.opens() == opens


def test_a_probe_that_is_refused_leaves_its_place_to_other_credentials(account: Account) -> None:
    """After an outage the old process probes with the old key."""
    account.answer(*[DOWN] * 5)
    account.now += 60
    account.probe(3)
    account.answer(UNAUTHORIZED, probe=True)

    assert (account.allows(), account.allows(OTHERS)) == (0, 3)


def test_a_pause_is_lifted_by_hand(account: Account) -> None:
    """All of it, or only that for credentials which are known to be right by now."""
    account.answer(*[DOWN] * 5)
    account.answer(UNAUTHORIZED)
    account.answer(UNAUTHORIZED, credentials=OTHERS)
    let_in = account.throttle.resumed(MINE)

    assert let_in.pause(MINE).pause_reason == "server_error"
    assert let_in.pause(OTHERS).pause_reason == "unauthorized"
    assert account.throttle.resumed(None) == Throttle(account.throttle.limiter)


# Clocks


@pytest.mark.parametrize("pause", [LIMITED, UNAUTHORIZED])
@pytest.mark.parametrize("ahead", [-3600.0, 3600.0, 86400.0, 365 * 86400.0])
def test_a_clock_that_was_wrong_ends_every_pause_in_time(
    account: Account, pause: Outcome, ahead: float
) -> None:
    """A moment further ahead than any pause lasts counts as over; else it is waited for."""
    account.now += ahead
    account.answer(pause)
    account.now = NOW
    wait = account.opens()
    account.now += wait

    assert wait <= 3600
    assert account.allows() == 1
    # The probe's answer is told in moments of the right clock.
    account.probe()
    account.answer(DOWN, probe=True)
    assert account.opens() <= 300
    since = account.throttle.pause(MINE).paused_since
    assert since is not None
    assert since <= account.now
