"""The memory in which rows wait while the database refuses them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.delivery.waiting import CAPACITY, WaitingQueue

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED = OSError("canary@example.com")


def row(key: object) -> Mapping[str, Any]:
    """Return one of many rows."""
    return {"row_key": str(key)}


def take(queue: WaitingQueue) -> str | None:
    """Take the first row out for good."""
    with queue.checkout() as taken:
        return None if taken is None else str(taken["row_key"])


def fail(queue: WaitingQueue, error: type[BaseException] = OSError) -> None:
    """Take the first row out, and fail to write it."""

    def write() -> None:
        with queue.checkout():
            raise error

    with pytest.raises(error):
        write()


def test_rows_leave_one_by_one_in_the_order_in_which_they_came() -> None:
    """And are counted until they are written."""
    queue = WaitingQueue()
    assert not queue
    for key in range(3):
        assert queue.add(row(key), REFUSED)
    with queue.checkout() as taken:
        assert taken == row(0)
        assert len(queue) == 3

    assert queue
    assert len(queue) == 2
    assert [take(queue) for _ in range(3)] == ["1", "2", None]
    assert len(queue) == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_row_that_could_not_be_written_steps_back(error: type[BaseException]) -> None:
    """Behind all others, whatever stopped the writing: it holds up none of them."""
    queue = WaitingQueue()
    for key in range(3):
        queue.add(row(key), REFUSED)
    fail(queue, error)

    assert len(queue) == 3
    assert [take(queue) for _ in range(3)] == ["1", "2", "0"]


def test_an_empty_queue_survives_a_failure() -> None:
    """Another thread was faster."""
    queue = WaitingQueue()
    fail(queue)

    assert len(queue) == 0


def test_the_bound_is_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    """What is being written counts too, for it may come back; the log says what is lost."""
    queue = WaitingQueue(capacity=3)
    kept = [queue.add(row(key), REFUSED) for key in range(2)]
    with queue.checkout():
        kept += [queue.add(row(key), REFUSED) for key in range(2)]

    assert kept == [True, True, True, False]
    assert len(queue) == 2
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
            queue.add(row(f"{name}-{number}"), REFUSED)

    def empty() -> None:
        for number in range(600):
            try:
                with queue.checkout() as taken:
                    if number % 3:
                        raise REFUSED
                    written.extend([] if taken is None else [str(taken["row_key"])])
            except OSError:
                continue

    threads = [threading.Thread(target=fill, args=[name]) for name in "ab"]
    threads += [threading.Thread(target=empty) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while queue:
        written.append(take(queue))

    assert len(written) == 600
    assert set(written) == {f"{name}-{number}" for name in "ab" for number in range(300)}


def customers(key: object, email: int | None = None, uid: int | None = None) -> Mapping[str, Any]:
    """Return a row that is about a customer."""
    return {"row_key": str(key), "email_key": email, "uid_key": uid}


def test_a_customers_rows_leave_together_and_come_back_in_their_order() -> None:
    """By e-mail or uid; those of others stay where they are."""
    queue = WaitingQueue()
    for one in (
        customers("first", email=1),
        customers("other", email=2),
        customers("second", uid=7),
        customers("both", email=1, uid=7),
    ):
        queue.add(one, REFUSED)

    def look(*, broken: bool = False) -> list[str]:
        with queue.checkout_customer(customers("new", email=1, uid=7)) as earlier:
            assert len(queue) == 4
            if broken:
                raise REFUSED
            return [str(one["row_key"]) for one in earlier]

    with pytest.raises(OSError, match="canary"):
        look(broken=True)

    assert look() == ["first", "second", "both"]
    assert take(queue) == "other"
    with queue.checkout_customer(customers("new", email=1, uid=7)) as earlier:
        assert not earlier


def test_a_row_that_steps_back_takes_its_customers_later_ones_along() -> None:
    """A sale does not come before its own sign-up."""
    queue = WaitingQueue()
    for one in (
        customers("sign-up", email=1),
        customers("other", email=2),
        customers("sale", email=1),
        customers("another", email=3),
    ):
        queue.add(one, REFUSED)
    fail(queue)

    assert [take(queue) for _ in range(4)] == ["other", "another", "sign-up", "sale"]
