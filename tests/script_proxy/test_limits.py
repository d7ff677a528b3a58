"""How much of a process the calls may take."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.script_proxy.limits import (
    BURST,
    PAUSE_SECONDS,
    PER_SECOND,
    SLOW_SECONDS,
    SLOW_TO_PAUSE,
    Limits,
)

if TYPE_CHECKING:
    from tests.support.clock import Clock


@pytest.fixture
def limits(clock: Clock) -> Limits:
    """Bounds with two slots."""
    return Limits(2, clock)


def take(limits: Limits) -> int:
    """Count the calls that fit in now."""
    return next(count for count in range(10_000) if not limits.take_token())


def test_a_burst_and_a_rate(limits: Limits, clock: Clock) -> None:
    """So many at once, so many a second after that, and never more than the burst."""
    assert take(limits) == BURST
    clock.now += 1
    assert take(limits) == PER_SECOND
    clock.now += 86_400
    assert take(limits) == BURST


def test_a_clock_that_is_put_back_gives_nothing(limits: Limits, clock: Clock) -> None:
    """Nor does it take anything for long."""
    take(limits)
    clock.now -= 3_600
    assert take(limits) == 0
    clock.now += 1
    assert take(limits) == PER_SECOND


def test_slots_are_given_back(limits: Limits) -> None:
    """One that is not free is said at once; an error gives it back too."""
    with limits.slot() as first, limits.slot() as second:
        with limits.slot() as third:
            assert (first, second, third) == (True, True, False)
        with limits.slot() as fourth:
            assert not fourth
    with suppress(ZeroDivisionError), limits.slot() as free:
        assert 1 / (free - 1)
    with limits.slot() as first, limits.slot() as second:
        assert (first, second) == (True, True)


def test_slow_calls_in_a_row_pause(limits: Limits, clock: Clock) -> None:
    """A quick one ends the row; after the pause one slow call more begins the next, unsaid."""
    for _ in range(SLOW_TO_PAUSE - 1):
        assert not limits.note(SLOW_SECONDS)
    assert not limits.note(0.1)
    assert [limits.note(SLOW_SECONDS) for _ in range(SLOW_TO_PAUSE)] == [False, False, True]
    assert limits.is_paused()

    clock.now += PAUSE_SECONDS
    assert not limits.is_paused()
    assert not limits.note(SLOW_SECONDS)
    assert limits.is_paused()

    clock.now -= 86_400
    assert not limits.is_paused()
    clock.now += 86_400
    assert not limits.note(0.1)
    assert not limits.is_paused()
