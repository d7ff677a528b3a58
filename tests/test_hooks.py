"""Calls of users' hooks: what one raises is counted and said, and goes no further than it must."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import FpromSettings
from fprom_middleware.hooks import FAILED, call_hook, guard_this_thread, hook_errors

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = FpromSettings(enabled=False, account_id="hooks")


class StopGreenlet(BaseException):
    """As gevent's time-outs are."""


ENDS = [SystemExit, asyncio.CancelledError, KeyboardInterrupt, StopGreenlet, GeneratorExit]


def call(error: type[BaseException] | None) -> object:
    """Call a hook that raises, or returns what it gets."""

    def hook(value: int) -> int:
        if error is not None:
            raise error
        return value

    return call_hook(SETTINGS, "FPROM_ON_OUTCOME", hook, 7, meaning="the outcome stands")


def test_what_a_hook_returns_comes_back() -> None:
    """Unchanged."""
    assert call(None) == 7


@pytest.mark.parametrize("error", [ValueError, OSError, AssertionError, TimeoutError])
def test_what_a_hook_raises_is_counted_and_said(
    error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    """By its type alone."""
    before = hook_errors(SETTINGS)
    assert call(error) is FAILED
    assert hook_errors(SETTINGS) == before + 1
    assert caplog.messages == [f"FPROM_ON_OUTCOME raised {error.__name__}: the outcome stands."]


@pytest.mark.parametrize("error", ENDS)
def test_what_ends_a_view_goes_up(error: type[BaseException]) -> None:
    """A time-out of the app's own, a cancellation, the end of the process."""
    with pytest.raises(error):
        call(error)


def in_a_guarded_thread(work: Callable[[], object]) -> object:
    """Return what came of a piece of work in a thread of ours."""
    answers = list[object]()

    def run() -> None:
        guard_this_thread()
        answers.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    (answer,) = answers
    return answer


@pytest.mark.parametrize("error", ENDS)
def test_nothing_ends_a_thread_of_ours(error: type[BaseException]) -> None:
    """The drain thread lives, whatever a hook raises in it."""
    assert in_a_guarded_thread(lambda: call(error)) is FAILED


def test_a_job_s_time_limit_is_not_the_hook_s() -> None:
    """It is raised by a signal handler, wherever the job happens to be."""

    def end_the_job(*_: object) -> None:
        raise TimeoutError

    def wait() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        threading.Event().wait(20)

    before = signal.signal(signal.SIGALRM, end_the_job)
    try:
        with pytest.raises(TimeoutError):
            call_hook(SETTINGS, "FPROM_ON_OUTCOME", wait, meaning="the outcome stands")
    finally:
        signal.signal(signal.SIGALRM, before)
