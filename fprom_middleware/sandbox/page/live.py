"""What an open page is told: the events that are new, and the parts that have changed."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from .document import ROWS, write_rows, write_title
from .parts import write_parts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ..double import FirstPromoterDouble
    from .parts import Place
    from .query import Query

PACE: Final = 0.1
"""Seconds between two messages, at least."""
SHARE: Final = 4
"""How many times as long as a message took to write the stream rests: calls go before pages."""
SILENCE: Final = 15.0
"""Seconds after which a comment says that the sandbox is still there."""


class Closing:
    """The end of the server, of which open streams and held calls are told."""

    def __init__(self) -> None:
        self._callbacks: set[Callable[[], None]] = set()
        self.closed: bool = False

    def close(self) -> None:
        """End what is open; from the event loop's own thread."""
        self.closed = True
        for callback in tuple(self._callbacks):
            callback()

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Hear of it.

        Args:
            callback: Called once.

        Returns:
            What takes the wish back.
        """
        self._callbacks.add(callback)
        return lambda: self._callbacks.discard(callback)


class Stream:
    """One page's stream of server-sent events.

    Args:
        double: What arrives.
        place: Where it does.
        query: What the page shows.
        seen: What it has: the books and the number of the newest call, as ``id`` said.
        closing: Ends it.
    """

    def __init__(
        self,
        double: FirstPromoterDouble,
        place: Callable[[], Place],
        query: Query,
        seen: str,
        closing: Closing,
    ) -> None:
        self._double = double
        self._place = place
        self._query = query
        self._books, _, number = seen.rpartition(":")
        self._number = int(number) if number.isascii() and number.isdigit() else 0
        self._closing = closing
        self._parts: dict[str, str] = {}
        self._began = datetime.now(UTC)

    async def messages(self) -> AsyncIterator[str]:
        """Tell of what changes, until the page goes or the server does.

        Yields:
            Server-sent events, the first at once.
        """
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(changed.set)

        ends = (self._double.watch(wake), self._closing.watch(changed.set))
        try:
            yield "retry: 1000\n\n"
            while not self._closing.closed:
                changed.clear()
                started = time.perf_counter()
                message = self._write()
                ended = time.perf_counter()
                yield message
                while not await _set_within(changed, SILENCE):
                    yield ": still here\n\n"
                rest = max(PACE, SHARE * (ended - started)) - (time.perf_counter() - ended)
                if rest > 0 and not self._closing.closed:
                    await asyncio.sleep(rest)
            yield "event: bye\ndata: {}\n\n"
        finally:
            for end in ends:
                end()

    def _write(self) -> str:
        double, place, now = self._double, self._place(), datetime.now(UTC)
        books = double.books
        whole = books != self._books
        groups = double.groups(
            ROWS,
            after=0 if whole else self._number,
            wanted=self._query.matches if self._query else None,
        )
        rows = write_rows(groups, double, place, now)
        # One moment for all: what only grew older has not changed, and the page counts by itself.
        parts = dict(write_parts(double, place, self._began))
        message: dict[str, Any] = {
            "whole": whole,
            "title": write_title(double),
            "rows": [
                [f"call-{group.number}", row] for group, row in zip(groups, rows, strict=True)
            ],
            "parts": {name: text for name, text in parts.items() if self._parts.get(name) != text},
        }
        self._parts = parts
        self._books = books
        if whole:
            self._number = 0
        if groups:
            self._number = max(self._number, groups[0].last.number)
        return f"id: {self._books}:{self._number}\ndata: {json.dumps(message)}\n\n"


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
