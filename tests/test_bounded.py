"""Calls that their caller may leave: bounded, one at a time where none is answered, broken off."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import bounded
from fprom_middleware.bounded import BoundedCalls, Call, SilentError
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = 0.05


@pytest.fixture
def calls() -> Iterator[BoundedCalls]:
    """Calls whose threads end with the test."""
    calls = BoundedCalls("test-call")
    yield calls
    calls.close()


def threads() -> list[threading.Thread]:
    """List the threads that run calls."""
    return [thread for thread in threading.enumerate() if thread.name == "test-call"]


def test_a_call_is_answered_in_another_thread(calls: BoundedCalls) -> None:
    """What it returns is returned, what it raises is raised, and its thread is used again."""

    def fail(_call: Call) -> None:
        raise KeyboardInterrupt

    assert calls.call(lambda _: threading.current_thread().name, seconds=30) == "test-call"
    with pytest.raises(KeyboardInterrupt):
        calls.call(fail, seconds=30)
    assert eventually(lambda: len(threads()) == 1)


def test_a_call_that_takes_its_time_is_left(calls: BoundedCalls) -> None:
    """It goes on; while it does, calls that give way are refused at once, and others are made."""
    release, ended = threading.Event(), threading.Event()

    def slow(_call: Call) -> None:
        release.wait(30)
        ended.set()

    with pytest.raises(SilentError, match=r"no answer within 0\.05 s"):
        calls.call(slow, seconds=SHORT)
    began = time.monotonic()
    with pytest.raises(SilentError, match="an earlier call"):
        calls.call(lambda _: 1, seconds=30, give_way=0)
    assert time.monotonic() - began < 5
    release.set()
    assert ended.wait(30)
    assert eventually(lambda: calls.call(lambda _: 1, seconds=30) == 1)
    assert calls.call(lambda _: 1, seconds=30, give_way=0) == 1


def test_a_call_may_wait_for_the_one_that_was_left(calls: BoundedCalls) -> None:
    """It is made once that has ended, and not beside it."""
    release, order = threading.Event(), list[str]()

    def slow(_call: Call) -> None:
        release.wait(30)
        order.append("first")

    with pytest.raises(SilentError):
        calls.call(slow, seconds=SHORT)
    second = threading.Thread(
        target=calls.call,
        args=[lambda _: order.append("second")],
        kwargs={"seconds": 30, "give_way": 30},
    )
    second.start()
    with pytest.raises(SilentError, match="an earlier call"):
        calls.call(lambda _: 1, seconds=30, give_way=SHORT)
    release.set()
    second.join(30)

    assert order == ["first", "second"]


def test_one_call_finds_out_whether_the_peer_is_back(calls: BoundedCalls) -> None:
    """The one that was left has failed: the next is let through, a second one beside it is not."""
    release = threading.Event()

    def fail(_call: Call) -> None:
        release.wait(30)
        raise OSError

    def beside(_call: Call) -> str:
        with pytest.raises(SilentError):
            calls.call(lambda _: 1, seconds=30, give_way=0)
        return "back"

    with pytest.raises(SilentError):
        calls.call(fail, seconds=SHORT)
    release.set()
    assert eventually(lambda: not calls._running)
    assert calls.call(beside, seconds=30, give_way=0) == "back"
    assert calls.call(lambda _: 2, seconds=30, give_way=0) == 2


@pytest.mark.parametrize("breakable", [True, False])
def test_a_call_that_was_left_is_broken_off(
    breakable: bool, calls: BoundedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And forgotten where that is not possible: it stands in no other call's way for ever."""
    monkeypatch.setattr(bounded, "BREAK_SECONDS", 0.0)
    release, broken = threading.Event(), threading.Event()

    def hang(call: Call) -> None:
        if breakable:
            call.breaker = broken.set
        release.wait(30)

    with pytest.raises(SilentError):
        calls.call(hang, seconds=SHORT)
    assert calls.call(lambda _: 1, seconds=30, give_way=0) == 1
    assert broken.is_set() is breakable
    release.set()


def test_threads_end_when_they_are_not_needed(
    calls: BoundedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a while without a call, and at once where the calls are closed."""
    assert calls.call(lambda _: 1, seconds=30) == 1
    calls.close()
    assert eventually(lambda: not threads())
    monkeypatch.setattr(bounded, "IDLE_SECONDS", 0.01)
    assert calls.call(lambda _: 1, seconds=30) == 1
    assert eventually(lambda: not threads())


def test_a_thread_that_is_chosen_as_it_ends_makes_the_call(
    calls: BoundedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not among those that wait any more, so a call is on its way to it."""
    monkeypatch.setattr(bounded, "IDLE_SECONDS", 0.0)
    chosen: SimpleQueue[Call | None] = SimpleQueue()
    call = Call(lambda _: None)
    threading.Timer(SHORT, chosen.put, [call]).start()

    assert calls._next(chosen) is call


def test_an_interpreter_that_ends_makes_the_call_itself(
    calls: BoundedCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts no threads any more, and the last leads are written all the same."""

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError

    monkeypatch.setattr(threading.Thread, "start", refuse)

    here = threading.current_thread().name
    assert calls.call(lambda _: threading.current_thread().name, seconds=30) == here
