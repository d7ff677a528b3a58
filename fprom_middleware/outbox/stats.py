"""The figures of an outbox: how it stands, and what a drain did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..events.receipt import Reason, Status

Counts = dict[str, int]
"""Calls by what they came to: sent, duplicate, skipped, rejected, failed (due later)."""


def no_counts() -> Counts:
    """Return the counts of a drain that has made no call."""
    return {status.value: 0 for status in Status if status is not Status.QUEUED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """How the outbox stands; ``dict(stats)`` is ready for JSON.

    Attributes:
        pending: Events that wait, those on their way included.
        oldest_age: Seconds since the oldest of them was queued; None where there is none.
        rejected: Events that the API will never take, kept for 30 days.
        paused: Why nothing is sent at the moment, as a reason code; None while it is.
        paused_since: When that began, seconds since the epoch.
        next_try_at: When the next call may go, where it is paused.
        not_durable: Events in this process's memory, which the database refused.
        hook_errors: How often FPROM_CONSENT, FPROM_BEFORE_SEND or FPROM_ON_OUTCOME raised in
            this process.
    """

    pending: int = 0
    oldest_age: float | None = None
    rejected: int = 0
    paused: str | None = None
    paused_since: float | None = None
    next_try_at: float | None = None
    not_durable: int = 0
    hook_errors: int = 0

    @property
    def advice(self) -> str | None:
        """What ends the pause; None where nothing is paused."""
        if self.paused is None:
            return None
        if self.paused == Reason.UNAUTHORIZED:
            return "Check FPROM_API_KEY and FPROM_ACCOUNT_ID; nothing is dropped."
        return "It ends by itself once a call gets through."

    def keys(self) -> tuple[str, ...]:
        """Return the names of the figures."""
        return tuple(self.__slots__)

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)
