"""A signal asks for the end; where Python takes none, nothing does."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fprom_middleware.cli.signals import stop_on_signals
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_does_what_it_did(number: signal.Signals) -> None:
    """Both handlers are put back by the first one, and by the end in any case."""
    stop, before = threading.Event(), signal.getsignal(number)

    with stop_on_signals(stop.set):
        assert signal.getsignal(number) != before
        os.kill(os.getpid(), number)
        assert stop.wait(PATIENCE)
        assert signal.getsignal(number) == before


def test_a_signal_may_come_inside_a_lock_that_stopping_takes() -> None:
    """Python runs a handler between any two steps of the main thread."""
    lock, stop = threading.Lock(), threading.Event()

    def take() -> None:
        with lock:
            stop.set()

    with stop_on_signals(take):
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(PATIENCE)


def test_outside_the_main_thread_no_signal_is_taken() -> None:
    """A server may run a command in a thread of its own."""
    seen: list[bool] = []

    def run() -> None:
        before = signal.getsignal(signal.SIGTERM)
        with stop_on_signals(seen.clear):
            seen.append(signal.getsignal(signal.SIGTERM) == before)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [True]
