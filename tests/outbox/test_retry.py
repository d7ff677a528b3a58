"""What becomes of a lead after a call."""

from __future__ import annotations

import pytest

from fprom_middleware import Lead
from fprom_middleware.api.protocol import Outcome, read_answer
from fprom_middleware.events.receipt import Reason, Status
from fprom_middleware.outbox.retry import Retry, decide, is_expired, is_own_failure

NOW = 1_800_000_000.0
LEAD = Lead(uid="7", tid="t")
UNKNOWN = read_answer(LEAD, 404, b"{}")


def most(low: float, high: float) -> float:
    """Draw the largest number that full jitter may."""
    assert low == 0.0
    return high


def least(low: float, high: float) -> float:
    """Draw the smallest."""
    return low


@pytest.mark.parametrize(
    ("code", "body"), [(200, b"{}"), (422, b'{"transaction_id": "there is already"}'), (400, b"{}")]
)
def test_these_answers_end_a_lead_at_once(code: int, body: bytes) -> None:
    """200, 422 and 400, however often it was tried before."""
    outcome = read_answer(LEAD, code, body)

    assert decide(outcome, failed_count=0, not_found_count=0, now=NOW) is None
    assert decide(outcome, failed_count=99, not_found_count=4, now=NOW) is None


def test_an_unknown_visitor_is_tried_five_times_in_fifteen_minutes() -> None:
    """At 0, 10 s, 1, 5 and 15 minutes after the first try; then it is rejected."""
    now, offsets = NOW, []
    for not_found_count in range(4):
        step = decide(UNKNOWN, failed_count=0, not_found_count=not_found_count, now=now)
        assert isinstance(step, Retry)
        assert step.not_found
        now = step.due_at
        offsets.append(now - NOW)

    assert offsets == [10.0, 60.0, 300.0, 900.0]
    assert decide(UNKNOWN, failed_count=4, not_found_count=4, now=now) is None


def test_failures_do_not_use_up_the_tries_of_an_unknown_visitor() -> None:
    """Twenty failed calls before it: the first 404 is still the first."""
    assert decide(UNKNOWN, failed_count=20, not_found_count=0, now=NOW) == Retry(
        NOW + 10, not_found=True
    )


@pytest.mark.parametrize(
    ("count", "longest"),
    [(0, 2.0), (1, 4.0), (2, 8.0), (10, 2048.0), (11, 3600.0), (12, 3600.0), (10**6, 3600.0)],
)
def test_the_back_off_doubles_from_two_seconds_to_an_hour(count: int, longest: float) -> None:
    """With full jitter: from nothing at all up to 2 s * 2^n."""
    outcome = read_answer(LEAD, 503, b"")
    draws = [decide(outcome, failed_count=count, not_found_count=0, now=NOW) for _ in range(50)]
    latest = decide(outcome, failed_count=count, not_found_count=0, now=NOW, jitter=most)

    assert latest == Retry(NOW + longest, backed_off=True)
    assert all(isinstance(step, Retry) and 0 <= step.due_at - NOW <= longest for step in draws)
    assert len(set(draws)) > 1


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Status.FAILED, Reason.NETWORK),
        read_answer(LEAD, 200, b"<html>"),
        read_answer(LEAD, 200, None),
        *(
            read_answer(LEAD, code, b"")
            for code in (201, 302, 401, 403, 404, 405, 408, 429, 500, 599)
        ),
    ],
)
def test_everything_else_is_due_later_for_ever(outcome: Outcome) -> None:
    """There is no last try as such."""
    assert isinstance(decide(outcome, failed_count=10**6, not_found_count=4, now=NOW), Retry)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-1", 0.0),
        ("1000000000", 3600.0),
        ("9" * 5000, 3600.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Mon, 01 Jan 2035 00:00:00 GMT", 3600.0),
        ("in a while", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
@pytest.mark.parametrize("code", [503, 500, 408, 405])
def test_retry_after_is_the_minimum(code: int, header: str | None, wait: float) -> None:
    """Seconds or a date, an hour at the most; what is neither asks for nothing."""
    outcome = read_answer(LEAD, code, b"", retry_after=header, now=NOW)

    assert decide(outcome, failed_count=0, not_found_count=0, now=NOW, jitter=least) == Retry(
        NOW + wait, backed_off=True
    )
    assert decide(outcome, failed_count=11, not_found_count=0, now=NOW, jitter=most) == Retry(
        NOW + 3600, backed_off=True
    )


@pytest.mark.parametrize(
    ("header", "wait"),
    [(None, 60.0), ("nonsense", 60.0), ("5", 5.0), ("0", 0.0), ("120", 120.0)],
)
def test_429_waits_a_minute_unless_it_says_otherwise(header: str | None, wait: float) -> None:
    """Its own Retry-After goes before, a shorter one too."""
    outcome = read_answer(LEAD, 429, b"", retry_after=header, now=NOW)

    assert decide(outcome, failed_count=0, not_found_count=0, now=NOW, jitter=least) == Retry(
        NOW + wait, backed_off=True
    )


def test_refused_credentials_are_not_the_leads_fault() -> None:
    """It is due at once when the pause ends, and its back-off has not grown."""
    refused = Outcome(Status.FAILED, Reason.UNAUTHORIZED, 3600.0, 401)

    assert decide(refused, failed_count=5, not_found_count=0, now=NOW) == Retry(NOW)


SINCE = NOW - 60


@pytest.mark.parametrize(
    ("code", "reason", "own"),
    [
        (500, Reason.SERVER_ERROR, True),
        (503, Reason.SERVER_ERROR, True),
        (599, Reason.SERVER_ERROR, True),
        (408, Reason.SERVER_ERROR, True),
        (403, Reason.SERVER_ERROR, True),
        (403, Reason.UNAUTHORIZED, False),
        (401, Reason.UNAUTHORIZED, False),
        (404, Reason.UNEXPECTED, False),
        (405, Reason.UNEXPECTED, False),
        (429, Reason.RATE_LIMITED, False),
        (200, Reason.UNREADABLE, False),
        (None, Reason.NETWORK, False),
    ],
)
@pytest.mark.parametrize(
    ("got_through_at", "others"), [(None, False), (SINCE - 1, False), (SINCE, True), (NOW, True)]
)
def test_a_failure_is_a_leads_own_where_others_get_through(
    *, code: int | None, reason: Reason, own: bool, got_through_at: float | None, others: bool
) -> None:
    """A server that fails for it alone; neither the network, the key, the pace nor the URL."""
    outcome = Outcome(Status.FAILED, reason, code=code)
    answer = is_own_failure(outcome, since=SINCE, got_through_at=got_through_at)

    assert answer == (own and others)


def test_what_is_answered_is_no_failure() -> None:
    """Whatever the status."""
    rejected = Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=500)

    assert not is_own_failure(rejected, since=SINCE, got_through_at=NOW)


@pytest.mark.parametrize(
    ("own_failures", "days", "expired"),
    [(99, 31, False), (100, 29.9, False), (100, 30, True), (10**6, 0, False), (0, 400, False)],
)
def test_a_lead_ends_after_thirty_days_and_a_hundred_failures_of_its_own(
    *, own_failures: int, days: float, expired: bool
) -> None:
    """Both: an outage of two months expires nothing."""
    queued_at = NOW - days * 86400

    assert is_expired(own_failures=own_failures, queued_at=queued_at, now=NOW) == expired
