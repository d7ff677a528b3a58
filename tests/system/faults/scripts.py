"""Programs without a server: python -m tests.system.faults.scripts NAME COUNT.

Each prints what it was told of its leads, a line each: ``durable NAME`` or ``held NAME``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading

from fprom_middleware import Fprom, TrackingContext
from tests.support.waiting import PATIENCE

CONTEXT = TrackingContext(tid="visitor")
FORKS = 10
fprom = Fprom()


def sign_up(name: str) -> None:
    """Sign up, and say what came of it."""
    _tell(name, durable=fprom.track_signup(CONTEXT, uid=name).durable)


async def sign_up_async(name: str) -> None:
    """Sign up in a coroutine."""
    receipt = await fprom.track_signup_async(CONTEXT, uid=name)
    _tell(name, durable=receipt.durable)


def _tell(name: str, *, durable: bool) -> None:
    # One write is never mixed with another process's.
    os.write(1, f"{'durable' if durable else 'held'} {name}\n".encode())


def run_threads(count: int, name: str = "thread") -> None:
    """Share one object between ten threads."""

    def visit(thread: int) -> None:
        for number in range(count // 10):
            sign_up(f"{name}-{thread}-{number}")

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def run_forks(count: int) -> None:
    """Fork again and again while other threads sign up and the drain is at work."""
    sign_up("first")
    busy = threading.Thread(target=run_threads, args=(count // 2, "parent"))
    busy.start()
    for child in range(FORKS):
        pid = os.fork()
        if not pid:
            signal.alarm(2 * int(PATIENCE))
            for number in range(count // 2 // FORKS):
                sign_up(f"child-{child}-{number}")
            sys.exit()
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert ended == 0, f"child {child} ended with {ended}"
    busy.join()


def run_loops(count: int) -> None:
    """Use one object in two event loops one after the other, and in two at the same time."""

    async def visit(name: str) -> None:
        await asyncio.gather(*(sign_up_async(f"{name}-{n}") for n in range(count // 4)))

    asyncio.run(visit("first"))
    asyncio.run(visit("second"))
    together = [
        threading.Thread(target=lambda name=name: asyncio.run(visit(name)))
        for name in ("third", "fourth")
    ]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()


if __name__ == "__main__":
    {"threads": run_threads, "forks": run_forks, "loops": run_loops}[sys.argv[1]](int(sys.argv[2]))
