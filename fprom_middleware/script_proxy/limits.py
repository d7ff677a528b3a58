"""How much of this process the calls may take: so many a second, so many at once."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BURST: Final = 60
"""Calls that may come all at once."""
PER_SECOND: Final = 20.0
"""Calls a second in the long run."""
SLOW_SECONDS: Final = 1.5
"""From which on a call counts as slow."""
SLOW_TO_PAUSE: Final = 3
"""Slow calls in a row after which none is made for a while: a server may have one thread only."""
PAUSE_SECONDS: Final = 5.0


class Limits:
    """The bounds of one middleware in one process.

    Args:
        slots: Calls at once; each holds a thread.
        clock: Seconds since the epoch.
    """

    def __init__(self, slots: int, clock: Callable[[], float]) -> None:
        self._slots = slots
        self._clock = clock
        self._tokens = float(BURST)
        self._filled_at = clock()
        self._slow = 0
        self._paused_at: float | None = None
        self._lock = threading.Lock()

    def take_token(self) -> bool:
        """Say whether one more call fits into the rate, and count it."""
        with self._lock:
            now = self._clock()
            # A clock that was put back fills nothing.
            gained = max(now - self._filled_at, 0.0) * PER_SECOND
            self._filled_at = now
            self._tokens = min(self._tokens + gained, float(BURST))
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Hold one of the slots; yields False at once where none is free."""
        with self._lock:
            free = self._slots > 0
            self._slots -= free
        try:
            yield free
        finally:
            with self._lock:
                self._slots += free

    def is_paused(self) -> bool:
        """Say whether the last calls were so slow that none is made now."""
        with self._lock:
            return (
                self._paused_at is not None and 0 <= self._clock() - self._paused_at < PAUSE_SECONDS
            )

    def note(self, seconds: float) -> bool:
        """Count how long a call took.

        Args:
            seconds: From its beginning to its end.

        Returns:
            True where that begins the first pause of a row, which is to be said once.
        """
        with self._lock:
            self._slow = self._slow + 1 if seconds >= SLOW_SECONDS else 0
            self._paused_at = self._clock() if self._slow >= SLOW_TO_PAUSE else None
            return self._slow == SLOW_TO_PAUSE
