"""What the double keeps, and what it forgets when there is too much of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from .groups import Groups
from .newest import Newest
from .received import Kind, ReceivedCancellation, ReceivedLead, ReceivedRefund, ReceivedSale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .received import Received
    from .records import Attempt, Click

MAX_BYTES: Final = 32 * 2**20
"""Of memory for each kind of record; ordinary ones reach their number first."""

MAX_NOTED: Final = 20
"""Other accounts, and stray paths."""
MAX_NAME: Final = 255
"""Characters of each."""


class Ledger:
    """All that arrived, oldest first; not safe for threads by itself.

    What goes is forgotten as if it had never been, and a lead goes with all that it did.

    Args:
        limit: How many of each kind are kept.
        max_bytes: How much memory each kind may take.

    Attributes:
        clicks: The visits by a referral link.
        leads: The leads.
        sales: The accepted sales.
        refunds: The accepted refunds.
        cancellations: The accepted cancellations.
        attempts: Every call.
        groups: The same calls, the tries of one event together.
        accounts: How often another account's id was named, by that id.
        strays: How many calls came beside the API's path, by the one they took.
    """

    def __init__(self, limit: int, max_bytes: int) -> None:
        self.clicks: Newest[Click] = Newest(limit, max_bytes)
        self.leads: Newest[ReceivedLead] = Newest(limit, max_bytes)
        self.sales: Newest[ReceivedSale] = Newest(limit, max_bytes)
        self.refunds: Newest[ReceivedRefund] = Newest(limit, max_bytes)
        self.cancellations: Newest[ReceivedCancellation] = Newest(limit, max_bytes)
        self.attempts: Newest[Attempt] = Newest(limit, max_bytes)
        self.groups: Groups = Groups()
        self.accounts: Counter[str] = Counter()
        self.strays: Counter[str] = Counter()
        self._by_tid: dict[str, Click] = {}
        self._by_name: dict[tuple[str, str], ReceivedLead] = {}
        self._histories: dict[int, list[Received]] = {}
        self._event_ids: set[tuple[Kind, str]] = set()
        self._last_ids: Counter[Kind] = Counter()

    def next_id(self, kind: Kind) -> int:
        """Count what arrived.

        Args:
            kind: What is counted; a sign-up stands for any lead.

        Returns:
            The next one's id, from 1, never one that was forgotten.
        """
        self._last_ids[kind] += 1
        return self._last_ids[kind]

    def add_attempt(self, attempt: Attempt, body: bytes) -> None:
        """Keep a call.

        Args:
            attempt: The call.
            body: All of its body.
        """
        self.groups.add(attempt, body)
        for old in self.attempts.add(attempt):
            self.groups.remove(old)
        if attempt.account is not None:
            self.note_account(attempt.account)

    def note_account(self, account: str) -> None:
        """Count that another account was meant.

        Args:
            account: Its id.
        """
        _count(self.accounts, account)

    def note_stray(self, path: str) -> None:
        """Count that a call missed the API.

        Args:
            path: Where it came.
        """
        _count(self.strays, path)

    def add_click(self, click: Click) -> None:
        """Keep a click.

        Args:
            click: The click.
        """
        self._by_tid[click.tid] = click
        for old in self.clicks.add(click):
            del self._by_tid[old.tid]

    def add_lead(self, lead: ReceivedLead) -> None:
        """Keep a lead, which is known by its e-mail and its uid from now on.

        Args:
            lead: The lead; neither name is another's.
        """
        self._by_name |= dict.fromkeys(_names(lead.email, lead.uid), lead)
        self._histories[lead.id] = []
        for old in self.leads.add(lead):
            for name in _names(old.email, old.uid):
                del self._by_name[name]
            for event in self._histories.pop(old.id):
                self._remove(event)

    def add_event(self, event: Received) -> None:
        """Keep what a customer did.

        Args:
            event: A sale, refund or cancellation of a lead that is kept.
        """
        self._histories[event.customer.id].append(event)
        if not isinstance(event, ReceivedCancellation):
            self._event_ids.add((event.kind, event.event_id))
        for old in self._add(event):
            self._histories[old.customer.id].remove(old)
            self._forget_id(old)

    def find_click(self, tid: str) -> Click | None:
        """Find the click that was given a tid.

        Args:
            tid: A visitor id.

        Returns:
            The click; None where no kept click has this tid.
        """
        return self._by_tid.get(tid)

    def find_lead(self, email: str | None, uid: str | None) -> ReceivedLead | None:
        """Find the lead that is known under one of these names.

        Args:
            email: An e-mail; where the two are different leads', this decides.
            uid: A caller's own id.

        Returns:
            The lead; None where neither is a kept lead's.
        """
        found = (self._by_name.get(name) for name in _names(email, uid))
        return next((lead for lead in found if lead is not None), None)

    def histories(self) -> tuple[tuple[ReceivedLead, Sequence[Received]], ...]:
        """List what every lead did.

        Returns:
            The leads, oldest first, each with what is kept of it, oldest first.
        """
        return tuple((lead, self.find_history(lead)) for lead in self.leads)

    def find_history(self, lead: ReceivedLead) -> Sequence[Received]:
        """Find what a lead did.

        Args:
            lead: A lead that is kept.

        Returns:
            What is kept of it, oldest first.
        """
        return tuple(self._histories[lead.id])

    def has_event(self, kind: Kind, event_id: str) -> bool:
        """Say whether an event's id was used.

        Args:
            kind: Sales and refunds have ids of their own.
            event_id: The id.

        Returns:
            True where a kept event of this kind has it.
        """
        return (kind, event_id) in self._event_ids

    def has_promoter(self, ref_id: str) -> bool:
        """Say whether a visitor came by a promoter's link.

        Args:
            ref_id: The promoter.

        Returns:
            True where a kept click is theirs.
        """
        return any(click.ref_id == ref_id for click in self.clicks)

    def earned(self, promoter: str) -> int:
        """Sum up a promoter's commissions.

        Args:
            promoter: The promoter.

        Returns:
            Minor units of the account's currency; below zero where more was refunded than sold.
        """
        return sum(
            event.commission
            for events in (self.sales, self.refunds)
            for event in events
            if event.promoter == promoter
        )

    def _add(self, event: Received) -> Sequence[Received]:
        match event:
            case ReceivedSale():
                return self.sales.add(event)
            case ReceivedRefund():
                return self.refunds.add(event)
            case ReceivedCancellation():
                return self.cancellations.add(event)

    def _remove(self, event: Received) -> None:
        match event:
            case ReceivedSale():
                self.sales.remove(event)
            case ReceivedRefund():
                self.refunds.remove(event)
            case ReceivedCancellation():
                self.cancellations.remove(event)
        self._forget_id(event)

    def _forget_id(self, event: Received) -> None:
        if not isinstance(event, ReceivedCancellation):
            self._event_ids.discard((event.kind, event.event_id))


def _names(email: str | None, uid: str | None) -> list[tuple[str, str]]:
    named = (("email", email), ("uid", uid))
    return [(kind, value) for kind, value in named if value is not None]


def _count(noted: Counter[str], name: str) -> None:
    name = name[:MAX_NAME]
    if name in noted or len(noted) < MAX_NOTED:
        noted[name] += 1
