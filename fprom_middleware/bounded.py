"""Blocking calls that their caller need not wait for: each runs in a thread that can be left.

Some libraries wait for a silent peer as long as it is silent, and no time-out of ours reaches
them. Here the caller waits for a bounded time and goes its way; the call ends by itself later,
or is broken off by having what it waits for closed under it.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BREAK_SECONDS: Final = 10.0
"""After which a call that was left is broken off, and forgotten where that is not possible."""
IDLE_SECONDS: Final = 60.0
"""For which a thread waits for another call before it ends."""


class SilentError(OSError):
    """A call was not answered in time, or an earlier one has not been answered yet."""


class Call:
    """One call on its way.

    Args:
        work: Is given this call.

    Attributes:
        breaker: Ends the call's waiting, from another thread; set by the work while it waits
            for something that can be closed under it.
    """

    def __init__(self, work: Callable[[Call], Any]) -> None:
        self.breaker: Callable[[], object] | None = None
        self.began: float = time.monotonic()
        self.left = False
        self.error: BaseException | None = None
        self.answer: Any = None
        self._work = work
        # A bare lock, for an Event takes several times as long.
        self._ended = threading.Lock()
        self._ended.acquire()

    def run(self) -> None:
        """Run it to its end."""
        try:
            self.answer = self._work(self)
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            self.error = error
        self._ended.release()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False where it has not come."""
        return self._ended.acquire(timeout=seconds)


class BoundedCalls:
    """Threads that run calls, and what is known of a peer that has fallen silent.

    Args:
        name: Of the threads.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._running: set[Call] = set()
        # Of each thread that waits, where it takes its next call from; None ends it.
        self._idle: list[SimpleQueue[Call | None]] = []
        self._silent = False
        self._closed = 0

    def call(
        self, work: Callable[[Call], T], *, seconds: float, give_way: float | None = None
    ) -> T:
        """Run a call and wait for it, no longer than so many seconds.

        Args:
            work: Is given its `Call`.
            seconds: For which to wait.
            give_way: Where an earlier call was not answered and one is still on its way: for so
                many seconds that is waited for, and no other is made beside it, for one at a time
                finds out whether the peer is back. None makes it all the same.

        Returns:
            What the work returned.

        Raises:
            SilentError: There was no answer in time; the call may still succeed.
            BaseException: What the work raised.
        """
        call = Call(work)
        with self._lock:
            self._break_overdue()
            if give_way is not None and not self._ended.wait_for(self._may_call, give_way):
                msg = "an earlier call has not been answered"
                raise SilentError(msg)
            self._running.add(call)
            idle = self._idle.pop() if self._idle else None
        if idle is not None:
            idle.put(call)
        else:
            self._start(call)
        if not call.wait(seconds):
            with self._lock:
                call.left = self._silent = True
            msg = f"no answer within {seconds:g} s"
            raise SilentError(msg)
        if call.error is not None:
            raise call.error
        answer: T = call.answer
        return answer

    def close(self) -> None:
        """End the threads that wait; those that are still in a call end after it."""
        with self._lock:
            self._closed += 1
            idle, self._idle = self._idle, []
        for thread in idle:
            thread.put(None)

    def _start(self, call: Call) -> None:
        serve = threading.Thread(
            target=self._serve, args=[call, self._closed], name=self._name, daemon=True
        )
        try:
            serve.start()
        except RuntimeError:
            # An interpreter that is ending starts no thread: the call is made in this one.
            self._run(call)

    def _serve(self, first: Call, closed: int) -> None:
        calls: SimpleQueue[Call | None] = SimpleQueue()
        call: Call | None = first
        del first
        while call is not None:
            self._run(call)
            # Nothing that a caller handed in is kept alive by a thread that waits.
            del call
            with self._lock:
                if closed != self._closed:
                    return
                self._idle.append(calls)
            call = self._next(calls)

    def _next(self, calls: SimpleQueue[Call | None]) -> Call | None:
        try:
            return calls.get(timeout=IDLE_SECONDS)
        except Empty:
            with self._lock:
                if calls in self._idle:
                    self._idle.remove(calls)
                    return None
            # It was chosen at the last moment: the call is on its way.
            return calls.get()

    def _run(self, call: Call) -> None:
        call.run()
        with self._lock:
            self._running.discard(call)
            if call.error is None or not call.left:
                self._silent = False
            self._ended.notify_all()

    def _may_call(self) -> bool:
        return not (self._silent and self._running)

    def _break_overdue(self) -> None:
        now = time.monotonic()
        for call in [c for c in self._running if c.left and now - c.began > BREAK_SECONDS]:
            self._running.discard(call)
            if call.breaker is not None:
                call.breaker()
