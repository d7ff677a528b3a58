"""What happens around a fork: one registry, one strategy.

The account (`Fprom`) lives through a fork. Its child keeps what it inherited, unused, and makes
a new delivery at first use; nothing below the account need know that there are forks.

One thing cannot wait for the child: SQLite must not be open, let alone in use, at the moment in
which a process forks. Its library keeps each process's locks in memory; a child that inherits
them waits for ever for a lock that no thread of its own holds, or takes none where it should.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FORK_WAIT_SECONDS: Final = 2.0
"""For how long a fork waits for the threads that share a lock; their work takes milliseconds."""


class ForkLock:
    """Shared by any number of threads that work, exclusive to a thread that forks.

    Args:
        close: Called before each fork, while no thread shares the lock.
    """

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close
        self.reset()
        _locks.add(self)

    def reset(self) -> None:
        """Begin anew, in a child: the threads that shared or waited for the lock are not there."""
        self._sharing = 0
        # More than one thread may fork at the same time.
        self._forking = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            while self._forking:
                self._changed.wait()
            self._sharing += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._sharing -= 1
            if not self._sharing:
                self._changed.notify_all()

    def acquire_exclusive(self) -> None:
        """Keep other threads out, wait until none shares the lock, and close."""
        with self._changed:
            self._forking += 1
            free = self._changed.wait_for(lambda: not self._sharing, FORK_WAIT_SECONDS)
        if free:
            self._close()

    def release_exclusive(self) -> None:
        """Let other threads share the lock again."""
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()


class _Forking(threading.local):
    # The locks that this thread took for its fork: others may have been made since.
    locks: tuple[ForkLock, ...] = ()


_locks: weakref.WeakSet[ForkLock] = weakref.WeakSet()
_in_child: list[Callable[[], None]] = []
_forking = _Forking()


def call_in_child(action: Callable[[], None]) -> None:
    """Have a function called in each forked child, before anything else runs there.

    The last one registered is called first, as atexit does it: a room below, which is loaded
    later, takes care of what is its own before the account lets go of it.

    Args:
        action: The function; what it cares for it should hold by weak references.
    """
    _in_child.append(action)


def _before() -> None:
    _forking.locks = tuple(_locks)
    for lock in _forking.locks:
        lock.acquire_exclusive()


def _after_in_parent() -> None:
    for lock in _forking.locks:
        lock.release_exclusive()
    _forking.locks = ()


def _after_in_child() -> None:
    for lock in list(_locks):
        lock.reset()
    # What they guard is kept unused from here on, and is not closed before the child's own forks.
    _locks.clear()
    _forking.locks = ()
    for action in reversed(_in_child):
        action()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has none
    os.register_at_fork(
        before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child
    )
