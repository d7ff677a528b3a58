"""The pump: pieces of a drain, through outages, for as long as it is wanted."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.exc import OperationalError

from fprom_middleware import FpromConfigError
from fprom_middleware.cli import pump as module
from fprom_middleware.cli.pump import Until, pump
from fprom_middleware.cli.signals import stop_on_signals
from fprom_middleware.outbox.store import KEEP_REJECTED_SECONDS

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def silent(_: object) -> None:
    """Say nothing."""


def test_a_watcher_outlives_an_outage_of_the_database(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so without a row's content, asks ever more rarely, and goes on."""
    monkeypatch.setattr(module, "POLL", 0.01)
    desk.put("ann@example.com")
    stop, failures = threading.Event(), 3
    drain = desk.fprom.drain
    refused = OperationalError("INSERT ann@example.com", {}, ValueError("ann@example.com"))

    def fails_at_first(**options: Any) -> dict[str, int]:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise refused
        stop.set()
        return drain(**options)

    monkeypatch.setattr(desk.fprom, "drain", fails_at_first)

    assert pump(desk.fprom, Until(watch=True), stop=stop, tell=silent)["sent"] == 1
    assert caplog.messages == ["The outbox cannot be drained (ValueError)."] * 3
    assert "ann@" not in caplog.text


def test_without_a_watcher_an_outage_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cron tries again anyway, and shall know."""
    error = OperationalError("", {}, Exception())
    monkeypatch.setattr(desk.fprom, "drain", fail_with(error))

    with pytest.raises(OperationalError):
        pump(desk.fprom, Until(wait=True), stop=threading.Event(), tell=silent)


@pytest.mark.parametrize("error", [FpromConfigError("wrong"), ZeroDivisionError()])
def test_what_waiting_does_not_heal_ends_a_watcher_too(
    error: Exception, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong setting, and a mistake of ours."""
    monkeypatch.setattr(desk.fprom, "drain", fail_with(error))

    with pytest.raises(type(error)):
        pump(desk.fprom, Until(watch=True), stop=threading.Event(), tell=silent)


def test_rejected_leads_are_forgotten_in_time(desk: Desk) -> None:
    """Where no app has a thread, the pump forgets them after 30 days."""
    desk.reject("ann@example.com")
    desk.clock.later(KEEP_REJECTED_SECONDS + 1)

    pump(desk.fprom, Until(), stop=threading.Event(), tell=silent)

    assert desk.fprom.stats().rejected == 0


def test_a_wish_from_before_is_heard(desk: Desk) -> None:
    """Nothing is begun any more."""
    desk.put("ann@example.com")
    stop = threading.Event()
    stop.set()

    assert not any(pump(desk.fprom, Until(), stop=stop, tell=silent).values())


def test_the_seconds_are_over_while_it_waits(desk: Desk) -> None:
    """The wait for the next look is cut short by them."""
    desk.put("ann@example.com")
    desk.api.says = 503
    begun = time.monotonic()

    pump(desk.fprom, Until(watch=True, seconds=0.2), stop=threading.Event(), tell=silent)

    assert 0.15 < time.monotonic() - begun < 5


def test_outside_the_main_thread_no_signal_is_taken() -> None:
    """A server may run a command in a thread of its own."""
    seen: list[bool] = []

    def run() -> None:
        with stop_on_signals() as stop:
            seen.append(stop.is_set())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [False]


def fail_with(error: Exception) -> Any:
    """Make a function that raises."""

    def fail(**_: object) -> None:
        raise error

    return fail
