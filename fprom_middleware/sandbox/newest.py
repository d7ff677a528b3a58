"""The newest records of one kind."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields, is_dataclass
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

R = TypeVar("R")


class Newest(Generic[R]):
    """The newest records of one kind, oldest first, bounded by number and by bytes.

    Args:
        limit: How many are kept.
        max_bytes: How much memory they may take; the newest is kept in any case.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        # By identity: a record that is kept is alive, so no other has the same.
        self._records: OrderedDict[int, R] = OrderedDict()
        self._bytes = 0

    def __iter__(self) -> Iterator[R]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: R) -> list[R]:
        """Keep a record.

        Args:
            record: The record.

        Returns:
            The records that go for it, the oldest first.
        """
        self._records[id(record)] = record
        self._bytes += _size(record)
        gone = []
        while len(self._records) > self._limit or (
            self._bytes > self._max_bytes and len(self._records) > 1
        ):
            _, oldest = self._records.popitem(last=False)
            self._bytes -= _size(oldest)
            gone.append(oldest)
        return gone

    def remove(self, record: R) -> None:
        """Forget a record, wherever it stands.

        Args:
            record: One that is kept.
        """
        del self._records[id(record)]
        self._bytes -= _size(record)


def _size(record: Any) -> int:
    if not is_dataclass(record):
        return getsizeof(record)
    return getsizeof(record) + sum(_size(getattr(record, field.name)) for field in fields(record))
