"""SQLite must not be open, let alone in use, at the moment in which a process forks.

Its library keeps each process's locks in memory. A child that inherits them waits for ever for
a lock that no thread of its own holds, or takes none where it should.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE: Final = 2.0
"""Seconds for which a fork waits for those inside; what they do takes milliseconds."""


class Turnstile:
    """Lets in any number of threads, and none while the process forks.

    Args:
        close: Called before each fork, once nobody is inside.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close
        self.reset()
        _all.add(self)

    def reset(self) -> None:
        """Begin anew, in a child: whoever was inside is not there, nor who held the lock."""
        self._inside = 0
        # More than one thread may fork at the same time.
        self._shut = 0
        self._moved = threading.Condition()

    def __enter__(self) -> None:
        with self._moved:
            while self._shut:
                self._moved.wait()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._moved:
            self._inside -= 1
            if not self._inside:
                self._moved.notify_all()

    def shut(self) -> None:
        """Let nobody in any more, wait until all are out, and close."""
        with self._moved:
            self._shut += 1
            out = self._moved.wait_for(lambda: not self._inside, PATIENCE)
        if out:
            self._close()

    def open(self) -> None:
        """Let them in again."""
        with self._moved:
            self._shut -= 1
            self._moved.notify_all()


_all: weakref.WeakSet[Turnstile] = weakref.WeakSet()


def _before() -> None:
    for turnstile in list(_all):
        turnstile.shut()


def _after() -> None:
    for turnstile in list(_all):
        turnstile.open()


def _in_child() -> None:
    for turnstile in list(_all):
        turnstile.reset()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
