"""The tests' time, which passes only when a test says so."""

from __future__ import annotations

START = 1_800_000_000.0
"""2027-01-15T08:00:00Z: a whole second, for what counts in seconds."""
NOW = 1745573391.973
"""2025-04-25T09:29:51.973Z: a moment like most, for what rounds."""
DAY = 86400


class Clock:
    """A clock that a test winds by hand.

    Args:
        now: What it shows first, in seconds since the epoch.
    """

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def later(self, seconds: float = 0, *, days: float = 0) -> None:
        """Let time pass, or take it back."""
        self.now += days * DAY + seconds
