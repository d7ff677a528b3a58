"""Where leads wait while the database refuses them: bounded, in memory, and said loudly."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .leads import Lead

CAPACITY: Final = 10_000
"""Leads. About 10 MB, and a day of a busy shop's referred sign-ups."""

logger = logging.getLogger("fprom_middleware")


class Buffer:
    """Leads of this process that are not durable yet.

    Args:
        capacity: How many it holds.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._leads: deque[Lead] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._leads)

    def add(self, lead: Lead, error: Exception) -> bool:
        """Keep a lead that the database refused.

        Args:
            lead: The lead.
            error: Why; only its type is logged.

        Returns:
            False where there is no room left.
        """
        with self._lock:
            kept = len(self._leads) < self._capacity
            if kept:
                self._leads.append(lead)
            waiting = len(self._leads)
        cause = getattr(error, "orig", None) or error
        logger.error(
            "The outbox refused a lead (%s): %s; %d of at most %d wait in this process's memory "
            "and are lost if it ends before the database takes them.",
            type(cause).__name__,
            "it is kept in memory" if kept else "it is LOST, the memory's bound is reached",
            waiting,
            self._capacity,
        )
        return kept

    def take(self) -> list[Lead]:
        """Take all leads out, to write them; `put_back` is for when that fails."""
        if not self._leads:
            return []
        with self._lock:
            taken = list(self._leads)
            self._leads.clear()
        return taken

    def put_back(self, taken: Sequence[Lead]) -> None:
        """Put leads back in front."""
        with self._lock:
            self._leads.extendleft(reversed(taken))
