"""Where rows wait while the database refuses them: bounded, in memory, and said loudly."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from ..database.refusal import name_refusal
from ..events.log_line import log_line
from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

CAPACITY: Final = 10_000
"""Rows. About 10 MB, and a day of a busy shop's referred sign-ups and its sales."""

logger: logging.Logger = logging.getLogger(__name__)


class WaitingQueue:
    """Rows of this process that are not durable yet; whatever it holds, each use costs the same.

    Args:
        capacity: How many it holds.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rows: deque[Mapping[str, Any]] = deque()
        # How many of them each customer has: most have none, and need not be looked for.
        self._customers: Counter[tuple[str, int]] = Counter()
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
                self._append(row)
        log_line(
            logger,
            logging.ERROR,
            "The outbox refused an event (%s): %s; %d of at most %d wait in this process's memory "
            "and are lost if it ends before the database takes them.",
            name_refusal(error),
            "it is kept in memory" if kept else "it is LOST, the memory's bound is reached",
            waiting + kept,
            self._capacity,
            kind=row.get("kind"),
            status=Status.QUEUED if kept else Status.FAILED,
            reason=Reason.DATABASE,
            trace=row.get("trace"),
        )
        return kept

    @contextmanager
    def checkout(self) -> Iterator[Mapping[str, Any] | None]:
        """Take the first row out for as long as it is being written.

        Yields:
            The row, None where none waits. Where the block raises it steps back behind the others,
            and its customer's later ones with it.
        """
        with self._lock:
            first = [self._popleft()] if self._rows else []
        with self._out(first):
            yield first[0] if first else None

    @contextmanager
    def checkout_customer(self, row: Mapping[str, Any]) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Take out what waits of a row's customer, for as long as it is being written.

        Args:
            row: One that has come later.

        Yields:
            The rows in their order; they come back where the block raises.
        """
        with self._lock:
            earlier = self._take_customer(row)
        with self._out(earlier):
            yield earlier

    @contextmanager
    def _out(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[None]:
        with self._lock:
            self._in_flight += len(rows)
        try:
            yield
        except BaseException:
            with self._lock:
                later = [one for row in rows for one in self._take_customer(row)]
                for one in (*rows, *later):
                    self._append(one)
            raise
        finally:
            with self._lock:
                self._in_flight -= len(rows)

    def _append(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        self._customers.update(_customer(row))

    def _popleft(self) -> Mapping[str, Any]:
        row = self._rows.popleft()
        self._forget(row)
        return row

    def _take_customer(self, row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        keys = _customer(row)
        if self._customers.keys().isdisjoint(keys):
            return []
        taken = [one for one in self._rows if keys & _customer(one)]
        self._rows = deque(one for one in self._rows if not keys & _customer(one))
        for one in taken:
            self._forget(one)
        return taken

    def _forget(self, row: Mapping[str, Any]) -> None:
        self._customers.subtract(_customer(row))
        for key in _customer(row):
            if not self._customers[key]:
                del self._customers[key]


def _customer(row: Mapping[str, Any]) -> set[tuple[str, int]]:
    keys = {name: row.get(name) for name in ("email_key", "uid_key")}
    return {(name, key) for name, key in keys.items() if key is not None}
