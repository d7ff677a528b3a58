"""Blocking work that an event loop waits for: in a thread, to its end, whatever the view does."""

from __future__ import annotations

import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import anyio
import anyio.lowlevel
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

THREADS: Final = 40
"""Of one event loop. They are our own: where all of the app's are busy, no event waits."""

# It had another name before anyio 4.1.
_NAMES: Final = ("abandon_on_cancel", "cancellable")
_PARAMETERS: Final = inspect.signature(anyio.to_thread.run_sync).parameters
_LET_GO: Final[dict[str, Any]] = {next(name for name in _NAMES if name in _PARAMETERS): True}

logger: logging.Logger = logging.getLogger(__name__)

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar("fprom limiter")


async def run_off_loop(work: Callable[[], T]) -> T:
    """Run something in a thread while the event loop goes on.

    A view that is cancelled is let go at once. The work is done all the same: what the event
    tells of has happened.

    Args:
        work: Runs exactly once.

    Returns:
        What it returned.
    """
    begun = threading.Lock()

    def once() -> T | None:
        # The lock is never released.
        return work() if begun.acquire(blocking=False) else None

    try:
        return cast("T", await anyio.to_thread.run_sync(once, limiter=_own_limiter(), **_LET_GO))
    except anyio.get_cancelled_exc_class():
        if not begun.locked():
            logger.warning("A view was cancelled before its event was taken: it is taken now.")
            threading.Thread(target=once, name="fprom-cancelled", daemon=True).start()
        raise


def _own_limiter() -> anyio.CapacityLimiter:
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(THREADS)
        _limiter.set(limiter)
    return limiter
