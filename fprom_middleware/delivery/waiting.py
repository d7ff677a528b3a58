"""Where leads wait while the database refuses them: bounded, in memory, and said loudly."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ..errors import FpromConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..events.lead import Lead

CAPACITY: Final = 10_000
"""Leads. About 10 MB, and a day of a busy shop's referred sign-ups."""

logger = logging.getLogger(__name__)


class WaitingQueue:
    """Leads of this process that are not durable yet.

    Args:
        capacity: How many it holds.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._leads: deque[Lead] = deque()
        # Those that are being written are not durable yet, and come back where that fails.
        self._in_flight = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._leads) + self._in_flight

    def add(self, lead: Lead, error: Exception) -> bool:
        """Keep a lead that the database refused.

        Args:
            lead: The lead.
            error: Why; only its type is logged.

        Returns:
            False where there is no room left.
        """
        with self._lock:
            waiting = len(self._leads) + self._in_flight
            kept = waiting < self._capacity
            if kept:
                self._leads.append(lead)
        logger.error(
            "The outbox refused a lead (%s): %s; %d of at most %d wait in this process's memory "
            "and are lost if it ends before the database takes them.",
            cause(error),
            "it is kept in memory" if kept else "it is LOST, the memory's bound is reached",
            waiting + kept,
            self._capacity,
        )
        return kept

    @contextmanager
    def checkout(self) -> Iterator[list[Lead]]:
        """Take all leads out for as long as they are being written.

        Yields:
            The leads, the oldest first. They go back in front where the block raises.
        """
        with self._lock:
            taken = list(self._leads)
            self._leads.clear()
            self._in_flight += len(taken)
        try:
            yield taken
        except BaseException:
            with self._lock:
                self._leads.extendleft(reversed(taken))
                self._in_flight -= len(taken)
            raise
        with self._lock:
            self._in_flight -= len(taken)


def cause(error: Exception) -> str:
    """Say what a database's refusal was.

    Args:
        error: What it raised.

    Returns:
        The driver's own type, never its text, which can quote a row. Only a mistake in the
        set-up says in words of ours what to do.
    """
    if isinstance(error, FpromConfigError):
        return str(error)
    return type(getattr(error, "orig", None) or error).__name__
