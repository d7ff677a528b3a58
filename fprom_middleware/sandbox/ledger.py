"""What the double keeps, and what it forgets when there is too much of it."""

from __future__ import annotations

from collections import deque
from dataclasses import fields, is_dataclass
from sys import getsizeof
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from .records import Attempt, Click, ReceivedLead

if TYPE_CHECKING:
    from collections.abc import Iterator

R = TypeVar("R", Click, ReceivedLead, Attempt)

MAX_BYTES: Final = 32 * 2**20
"""Of memory for each kind of record; ordinary ones reach their number first."""


class Newest(Generic[R]):
    """The newest records of one kind, oldest first, bounded by number and by bytes.

    Args:
        limit: How many are kept.
        max_bytes: How much memory they may take; the newest is kept in any case.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._records: deque[R] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[R]:
        return iter(self._records)

    def add(self, record: R) -> list[R]:
        """Keep a record.

        Args:
            record: The record.

        Returns:
            The records that go for it, the oldest first.
        """
        self._records.append(record)
        self._bytes += _size(record)
        gone = []
        while len(self._records) > self._limit or (
            self._bytes > self._max_bytes and len(self._records) > 1
        ):
            gone.append(self._records.popleft())
            self._bytes -= _size(gone[-1])
        return gone


class Ledger:
    """Clicks, leads and attempts, oldest first; not safe for threads by itself.

    What goes is forgotten as if it had never been.

    Args:
        limit: How many of each kind are kept.
        max_bytes: How much memory each kind may take.

    Attributes:
        clicks: The visits by a referral link.
        leads: The accepted sign-ups.
        attempts: Every sign-up call.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self.clicks: Newest[Click] = Newest(limit, max_bytes)
        self.leads: Newest[ReceivedLead] = Newest(limit, max_bytes)
        self.attempts: Newest[Attempt] = Newest(limit, max_bytes)
        self._by_tid: dict[str, Click] = {}
        self._signed_up: set[tuple[str, str]] = set()
        self._last_id = 0

    def next_id(self) -> int:
        """Count leads.

        Returns:
            The next lead's id, from 1, never one of a forgotten lead.
        """
        self._last_id += 1
        return self._last_id

    def add_click(self, click: Click) -> None:
        """Keep a click.

        Args:
            click: The click.
        """
        self._by_tid[click.tid] = click
        for old in self.clicks.add(click):
            del self._by_tid[old.tid]

    def add_lead(self, lead: ReceivedLead) -> None:
        """Keep a lead, whose e-mail and uid have signed up from now on.

        Args:
            lead: The lead.
        """
        self._signed_up |= _names(lead.email, lead.uid)
        for old in self.leads.add(lead):
            self._signed_up -= _names(old.email, old.uid)

    def find_click(self, tid: str) -> Click | None:
        """Find the click that was given a tid.

        Args:
            tid: A visitor id.

        Returns:
            The click; None where no kept click has this tid.
        """
        return self._by_tid.get(tid)

    def has_lead(self, email: str | None, uid: str | None) -> bool:
        """Say whether a lead signed up under one of these names.

        Args:
            email: An e-mail.
            uid: A caller's own id.

        Returns:
            True where either is a kept lead's.
        """
        return not self._signed_up.isdisjoint(_names(email, uid))

    def has_promoter(self, ref_id: str) -> bool:
        """Say whether a visitor came by a promoter's link.

        Args:
            ref_id: The promoter.

        Returns:
            True where a kept click is theirs.
        """
        return any(click.ref_id == ref_id for click in self.clicks)


def _names(email: str | None, uid: str | None) -> set[tuple[str, str]]:
    named = (("email", email), ("uid", uid))
    return {(kind, value) for kind, value in named if value is not None}


def _size(record: Any) -> int:
    if not is_dataclass(record):
        return getsizeof(record)
    return getsizeof(record) + sum(_size(getattr(record, field.name)) for field in fields(record))
