"""The memory in which leads wait while the database refuses them."""

from __future__ import annotations

import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from fprom_middleware import FpromConfigError
from fprom_middleware.delivery.waiting import CAPACITY, WaitingQueue, cause
from tests.support.leads import make_lead, make_leads

REFUSED = OSError("canary@example.com")


def test_leads_leave_in_the_order_in_which_they_came() -> None:
    """And are counted until they are written."""
    queue = WaitingQueue()
    leads = list(make_leads(3))
    for lead in leads:
        assert queue.add(lead, REFUSED)

    with queue.checkout() as taken:
        assert taken == leads
        assert len(queue) == 3
    assert len(queue) == 0
    with queue.checkout() as taken:
        assert taken == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_leads_that_could_not_be_written_come_back_in_front(error: type[BaseException]) -> None:
    """Before those that came meanwhile, whatever stopped the writing."""
    queue = WaitingQueue()
    for lead in make_leads(2):
        queue.add(lead, REFUSED)

    def write() -> None:
        with queue.checkout():
            queue.add(make_lead("late"), REFUSED)
            assert len(queue) == 3
            raise error

    with pytest.raises(error):
        write()
    with queue.checkout() as taken:
        assert [lead.uid for lead in taken] == ["0", "1", "late"]


def test_the_bound_is_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    """What is being written counts too, for it may come back; the log says what is lost."""
    queue = WaitingQueue(capacity=3)
    kept = [queue.add(lead, REFUSED) for lead in make_leads(2)]

    def write() -> None:
        with queue.checkout():
            kept.extend(queue.add(lead, REFUSED) for lead in make_leads(2))
            raise REFUSED

    with pytest.raises(OSError, match="canary"):
        write()

    assert kept == [True, True, True, False]
    assert len(queue) == 3
    messages = [record.getMessage() for record in caplog.records]
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 4
    assert "it is kept in memory; 3 of at most 3 wait" in messages[2]
    assert "it is LOST, the memory's bound is reached; 3 of at most 3 wait" in messages[3]
    assert "OSError" in messages[0]
    assert "canary" not in caplog.text


def test_the_bound_is_ten_thousand() -> None:
    """A day of a busy shop's referred sign-ups."""
    assert CAPACITY == 10_000
    assert WaitingQueue()._capacity == CAPACITY


def test_threads_may_fill_and_empty_it_at_the_same_time() -> None:
    """Nothing is taken twice, nothing is left out."""
    queue = WaitingQueue()
    written: list[str | None] = []

    def fill(name: str) -> None:
        for number in range(300):
            queue.add(make_lead(f"{name}-{number}"), REFUSED)

    def empty() -> None:
        for number in range(300):
            try:
                with queue.checkout() as taken:
                    if number % 3:
                        raise REFUSED
                    written.extend(lead.uid for lead in taken)
            except OSError:
                continue

    threads = [threading.Thread(target=fill, args=[name]) for name in "ab"]
    threads += [threading.Thread(target=empty) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with queue.checkout() as taken:
        written.extend(lead.uid for lead in taken)

    assert len(written) == 600
    assert set(written) == {f"{name}-{number}" for name in "ab" for number in range(300)}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError("SELECT", {}, TimeoutError("canary")), "TimeoutError"),
        (OSError("canary"), "OSError"),
        (FpromConfigError("Do this and that."), "Do this and that."),
    ],
)
def test_a_refusal_is_told_without_what_it_may_quote(error: Exception, words: str) -> None:
    """The driver's own type; only a mistake in the set-up says what to do."""
    assert cause(error) == words
