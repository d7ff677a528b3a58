"""Blocking work off the event loop: threads of its own, and nothing lost to a cancellation."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from fprom_middleware.delivery.off_loop import THREADS, run_off_loop
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

BACKENDS = ["asyncio", "trio"]
LONG = 20.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_it_returns_and_raises_comes_back(backend: str) -> None:
    """From a thread that is not the loop's."""

    def refuse() -> None:
        raise KeyError

    async def main() -> None:
        assert await run_off_loop(threading.get_ident) != threading.get_ident()
        with pytest.raises(KeyError):
            await run_off_loop(refuse)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_app_s_busy_threads_hold_up_nothing(backend: str) -> None:
    """All of anyio's own are taken; ours are others."""
    over = threading.Event()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            limiter = anyio.to_thread.current_default_thread_limiter()
            for _ in range(int(limiter.total_tokens)):
                group.start_soon(anyio.to_thread.run_sync, over.wait, LONG)
            while limiter.available_tokens:  # noqa: ASYNC110 - a limiter has no event
                await anyio.sleep(0.001)
            assert await run_off_loop(over.is_set) is False
            over.set()

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_view_is_let_go_and_the_work_done(backend: str) -> None:
    """The view does not wait for what it no longer wants; the visitor's lead still counts."""
    over, done = threading.Event(), list[int]()

    def work() -> None:
        over.wait(LONG)
        done.append(1)

    async def main() -> None:
        began = time.monotonic()
        with anyio.move_on_after(0.05) as scope:
            await run_off_loop(work)
        assert scope.cancelled_caught
        assert time.monotonic() - began < LONG / 2
        assert not done
        over.set()

    anyio.run(main, backend=backend)
    assert eventually(lambda: done == [1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_work_that_waits_for_a_thread_is_done_where_the_view_is_cancelled(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Even with all of our own threads busy; one line says so, and nothing runs twice."""
    over, busy, done = threading.Event(), list[int](), list[int]()

    def hold() -> None:
        busy.append(1)
        over.wait(LONG)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(THREADS):
                group.start_soon(run_off_loop, hold)
            assert await anyio.to_thread.run_sync(eventually, lambda: len(busy) == THREADS)
            with anyio.move_on_after(0.05) as scope:
                await run_off_loop(lambda: done.append(1))
            assert scope.cancelled_caught
            assert await anyio.to_thread.run_sync(eventually, lambda: done == [1])
            over.set()
        await anyio.sleep(0.05)

    anyio.run(main, backend=backend)
    assert done == [1]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def cancel_anywhere(work: Callable[[], object], count: int) -> int:
    """Cancel tasks of asyncio, which no shield keeps from it, at all possible moments."""

    async def main() -> int:
        begun = 0

        async def one() -> None:
            nonlocal begun
            begun += 1
            await run_off_loop(work)

        for number in range(count):
            task = asyncio.create_task(one())
            for _ in range(number % 8):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        return begun

    return asyncio.run(main())


def test_each_task_s_work_is_done_exactly_once() -> None:
    """Whenever its cancellation arrives: before a thread, in a thread, afterwards."""
    done = list[int]()
    begun = cancel_anywhere(lambda: done.append(1), 400)
    assert begun > 300
    assert eventually(lambda: len(done) >= begun)
    time.sleep(0.05)
    assert len(done) == begun
