"""The open books: what is kept, how a call gets into them, and what a clearing took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .answers import RefusedError, asked_for, malformed
from .calls import read_call
from .decisions import Taken, take
from .fields import BadCallError, read_names
from .ledger import MAX_BYTES, Ledger
from .records import Answer, Attempt, Click

if TYPE_CHECKING:
    from .data.journal import Entry, Journal
    from .program import Program

SENT_SHOWN: Final = 4_000
"""Characters of a call's body that are kept to be looked at."""


class Books:
    """What a double keeps, and its journal; not safe for threads by itself.

    Args:
        program: Whose calls these are.
        limit: How many of each kind are kept.
        journal: Where clicks and calls are written down; what it holds is taken in first.

    Attributes:
        ledger: What arrived.
        volume: A number that is another after each clearing.
    """

    def __init__(self, program: Program, limit: int, journal: Journal | None) -> None:
        self.ledger: Ledger = Ledger(limit, MAX_BYTES)
        self.volume: int = 0
        self._program = program
        self._limit = limit
        self._set_aside = Ledger(limit, MAX_BYTES)
        self._calls = 0
        self._opened_at = 0
        self._journal = journal
        for entry in journal.read() if journal is not None else ():
            if isinstance(entry, Click):
                self.ledger.add_click(entry)
            else:
                self._keep(entry, self._decide(entry))

    def add_click(self, click: Click) -> None:
        """Keep a click.

        Args:
            click: The click.
        """
        self.ledger.add_click(click)
        if self._journal is not None:
            self._journal.add(click)

    def take(self, entry: Entry) -> tuple[Answer, Attempt]:
        """Take a call in, accepted or refused.

        Args:
            entry: The call.

        Returns:
            Its answer, and what is kept of it.
        """
        taken = self._decide(entry)
        attempt = self._keep(entry, taken)
        if self._journal is not None:
            self._journal.add(entry)
        return taken.answer, attempt

    def clear(self) -> None:
        """Open empty books, and set the full ones aside."""
        self._set_aside = self.ledger
        self._open(Ledger(self._limit, MAX_BYTES))
        if self._journal is not None:
            self._journal.clear()

    def restore(self) -> bool:
        """Open the books again that were set aside, as long as the new ones are empty.

        Returns:
            False where there is nothing to bring back.
        """
        if not self.count_set_aside():
            return False
        self._open(self._set_aside)
        self._set_aside = Ledger(self._limit, MAX_BYTES)
        if self._journal is not None:
            self._journal.restore()
        return True

    def count_set_aside(self) -> int:
        """Count what can be brought back.

        Returns:
            How many clicks and calls.
        """
        if len(self.ledger.clicks) or self._calls > self._opened_at:
            return 0
        return len(self._set_aside.clicks) + len(self._set_aside.attempts)

    def _open(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.volume += 1
        self._opened_at = self._calls

    def _decide(self, entry: Entry) -> Taken:
        if entry.status is not None:
            answer = asked_for(entry.kind, entry.status) if entry.status else Answer(0)
            return Taken(answer, entry.note)
        try:
            call = read_call(entry.kind, entry.content_type, entry.body)
        except BadCallError as bad:
            return Taken(malformed(entry.kind, bad.field), str(bad))
        try:
            return take(call, self.ledger, self._program, entry.at)
        except RefusedError as refused:
            return Taken(refused.answer, refused.note)

    def _keep(self, entry: Entry, taken: Taken) -> Attempt:
        refused = taken.lead is None and taken.event is None
        email, uid = read_names(entry.body) if refused else (None, None)
        self._calls += 1
        attempt = Attempt(
            kind=entry.kind,
            at=entry.at,
            status=taken.answer.status,
            note=taken.note,
            # A character takes at most four bytes; decoding megabytes to show a line is waste.
            sent=entry.body[: SENT_SHOWN * 4].decode(errors="replace")[:SENT_SHOWN],
            answer=taken.answer.body.decode(),
            lead=taken.lead,
            event=taken.event,
            number=self._calls,
            email=email,
            uid=uid,
            account=entry.account,
        )
        self.ledger.add_attempt(attempt, entry.body)
        return attempt
