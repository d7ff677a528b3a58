"""Where rows wait while the database refuses them: bounded, in memory, and said loudly."""

from __future__ import annotations

import logging
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..database.refusal import name_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CAPACITY: Final = 10_000
"""Rows. About 10 MB, and a day of a busy shop's referred sign-ups and its sales."""

logger = logging.getLogger(__name__)


class WaitingQueue:
    """Rows of this process that are not durable yet; whatever it holds, each use costs the same.

    Args:
        capacity: How many it holds.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rows: deque[Mapping[str, Any]] = deque()
        # Those that are being written are not durable yet, and come back where that fails.
        self._in_flight = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._rows) + self._in_flight

    def __bool__(self) -> bool:
        # Without the lock: each request asks.
        return bool(self._rows)

    def add(self, row: Mapping[str, Any], error: BaseException) -> bool:
        """Keep a row that the database refused.

        Args:
            row: The row.
            error: Why; only its type is logged.

        Returns:
            False where there is no room left.
        """
        with self._lock:
            waiting = len(self._rows) + self._in_flight
            kept = waiting < self._capacity
            if kept:
                self._rows.append(row)
        logger.error(
            "The outbox refused an event (%s): %s; %d of at most %d wait in this process's memory "
            "and are lost if it ends before the database takes them.",
            name_refusal(error),
            "it is kept in memory" if kept else "it is LOST, the memory's bound is reached",
            waiting + kept,
            self._capacity,
        )
        return kept

    @contextmanager
    def checkout(self) -> Iterator[Mapping[str, Any] | None]:
        """Take the first row out for as long as it is being written.

        Yields:
            The row, None where none waits. It steps back behind the others where the block
            raises.
        """
        with self._lock:
            row = self._rows.popleft() if self._rows else None
            self._in_flight += row is not None
        try:
            yield row
        except BaseException:
            with self._lock:
                if row is not None:
                    self._rows.append(row)
            raise
        finally:
            with self._lock:
                self._in_flight -= row is not None
