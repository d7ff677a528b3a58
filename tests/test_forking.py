"""No SQLite connection is open at the moment in which the process forks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from fprom_middleware import forking as forks
from fprom_middleware.forking import Turnstile
from tests.support.outbox import becomes, eventually, make_lead

if TYPE_CHECKING:
    import pytest

    from tests.support.fixtures import MakeOutbox


def test_a_fork_waits_for_those_inside_and_keeps_the_others_out() -> None:
    """It closes once all are out; who came meanwhile goes in afterwards."""
    events: list[str] = []
    turnstile = Turnstile(lambda: events.append("closed"))
    leave = threading.Event()

    def work(name: str) -> None:
        with turnstile:
            events.append(f"{name} in")
            leave.wait(20)
            events.append(f"{name} out")

    def fork() -> None:
        turnstile.shut()
        events.append("forked")
        turnstile.open()

    first, second = (threading.Thread(target=work, args=[name]) for name in ("one", "two"))
    forker = threading.Thread(target=fork)
    first.start()
    assert becomes(lambda: events, ["one in"])
    forker.start()
    assert eventually(lambda: turnstile._shut)
    second.start()
    time.sleep(0.05)
    assert events == ["one in"]
    leave.set()
    for thread in (first, second, forker):
        thread.join(20)

    assert events[:4] == ["one in", "one out", "closed", "forked"]
    assert events[4:] == ["two in", "two out"]


def test_a_fork_is_not_held_up_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stays inside too long keeps what is open; the child begins anew all the same."""
    closed: list[int] = []
    turnstile = Turnstile(lambda: closed.append(1))
    monkeypatch.setattr(forks, "PATIENCE", 0.05)
    with turnstile, turnstile:
        turnstile.shut()
        turnstile.open()
        assert closed == []
    turnstile.shut()
    assert closed == [1]
    turnstile.reset()
    with turnstile:
        assert turnstile._inside == 1


def test_a_database_closes_its_connections_for_a_fork_and_goes_on(
    sqlite_url: str, outbox_at: MakeOutbox
) -> None:
    """What is registered with the interpreter, called as it calls it."""
    outbox = outbox_at(sqlite_url)
    turnstile_of_an_idle_one = outbox_at(sqlite_url).database._turnstile
    outbox.put(make_lead())
    engine = outbox.database._open().engine
    assert engine.pool.checkedin() == 1  # type: ignore[attr-defined]
    forks._before()
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    forks._after()
    outbox.put(make_lead())
    forks._before()
    forks._in_child()
    outbox.put(make_lead())

    assert outbox.stats().pending == 3
    assert turnstile_of_an_idle_one is not outbox.database._turnstile
