"""The background thread that drains the outbox of one process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..hooks import guard_this_thread
from .loop import DrainLoop

if TYPE_CHECKING:
    from .base import StartHint
    from .loop import Drainable


class DrainThread:
    """A daemon thread: a process that ends does not wait for it, and its rows are safe.

    Args:
        delivery: What to drain.
        hint: Told when the thread has ended.

    Attributes:
        is_alive: True from `start` until the loop has ended, for whatever cause.
    """

    def __init__(self, delivery: Drainable, hint: StartHint) -> None:
        self.loop: DrainLoop = DrainLoop(delivery)
        self._hint = hint
        self._thread = threading.Thread(target=self._run, name="fprom-drain", daemon=True)
        self.is_alive: bool = False

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: The machine has no thread left.
        """
        self.is_alive = True
        # Before the thread can end, which says the opposite.
        self._hint.wanted = False
        try:
            self._thread.start()
        except RuntimeError:
            self._hint.wanted = True
            raise

    def stop(self, seconds: float) -> None:
        """End the thread; the call in flight may finish within so many seconds."""
        self.loop.stop()
        if self._thread is not threading.current_thread():
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            guard_this_thread()
            self.loop.run()
        finally:
            self.is_alive = False
            self._hint.wanted = True
