"""No SQLite connection is open at the moment in which the process forks."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import forking
from fprom_middleware.forking import ForkLock
from tests.support.leads import make_lead, put_leads
from tests.support.programs import run_program
from tests.support.waiting import becomes, eventually

if TYPE_CHECKING:
    from tests.support.fixtures import MakeOutbox


def test_a_fork_waits_for_those_inside_and_keeps_the_others_out() -> None:
    """It closes once no thread shares the lock; those that came meanwhile share it afterwards."""
    events: list[str] = []
    lock = ForkLock(lambda: events.append("closed"))
    leave = threading.Event()

    def work(name: str) -> None:
        with lock:
            events.append(f"{name} in")
            leave.wait(20)
            events.append(f"{name} out")

    def fork() -> None:
        lock.acquire_exclusive()
        events.append("forked")
        lock.release_exclusive()

    first, second = (threading.Thread(target=work, args=[name]) for name in ("one", "two"))
    forker = threading.Thread(target=fork)
    first.start()
    assert becomes(lambda: events, ["one in"])
    forker.start()
    assert eventually(lambda: lock._forking)
    second.start()
    time.sleep(0.05)
    assert events == ["one in"]
    leave.set()
    for thread in (first, second, forker):
        thread.join(20)

    assert events[:4] == ["one in", "one out", "closed", "forked"]
    assert events[4:] == ["two in", "two out"]


def test_a_fork_is_not_held_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that works too long keeps what is open; the child begins anew all the same."""
    closed: list[int] = []
    lock = ForkLock(lambda: closed.append(1))
    monkeypatch.setattr(forking, "FORK_WAIT_SECONDS", 0.05)
    with lock, lock:
        lock.acquire_exclusive()
        lock.release_exclusive()
        assert closed == []
    lock.acquire_exclusive()
    assert closed == [1]
    lock.reset()
    with lock:
        assert lock._sharing == 1


def test_a_database_closes_its_connections_for_a_fork_and_goes_on(
    sqlite_url: str, outbox_at: MakeOutbox
) -> None:
    """What is registered with the interpreter, called as it calls it."""
    outbox = outbox_at(sqlite_url)
    put_leads(outbox, make_lead())
    engine = outbox.database.engine
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    forking._before()
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    later = ForkLock(list)
    forking._after_in_parent()
    put_leads(outbox, make_lead())
    with later:
        assert later._forking == 0

    assert outbox.stats().pending == 2


def test_what_a_child_does_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called as the interpreter calls it: the locks are free, what was loaded last goes first."""
    called = list[str]()
    lock = ForkLock(lambda: called.append("closed"))
    monkeypatch.setattr(forking, "_locks", weakref.WeakSet([lock]))
    monkeypatch.setattr(forking, "_in_child", [])
    forking.call_in_child(lambda: called.append("the account"))
    forking.call_in_child(lambda: called.append("the delivery"))
    with lock:
        monkeypatch.setattr(forking, "FORK_WAIT_SECONDS", 0)
        forking._before()
        forking._after_in_child()
        assert (lock._sharing, lock._forking) == (0, 0)
        assert called == ["the delivery", "the account"]
        forking._before()
        forking._after_in_parent()
        assert called == ["the delivery", "the account"]


FORK = """
import os, threading
from fprom_middleware.forking import ForkLock, call_in_child

closed, called = [], []
lock = ForkLock(lambda: closed.append(os.getpid()))
call_in_child(lambda: called.append(os.getpid()))

def fork():
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
    return not child

if fork():
    with lock:
        assert called == [os.getpid()] and len(closed) == 1
    if fork():
        assert called[1:] == [os.getpid()] and len(closed) == 1
    os._exit(0)
with lock:
    assert closed == [os.getpid()] and not called
print("done")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_begins_anew() -> None:
    """Its locks are free; what they guard is its parent's, and not closed before its own forks."""
    assert run_program(FORK) == "done\n"
