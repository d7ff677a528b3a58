"""What the double keeps, and what it forgets when there is too much of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .records import Attempt, Click, ReceivedLead


class Ledger:
    """Clicks, leads and attempts, oldest first; not safe for threads by itself.

    Args:
        limit: How many of each kind are kept. What goes is forgotten as if it had never been.

    Attributes:
        clicks: By tid.
        leads: The accepted sign-ups.
        attempts: Every sign-up call.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.clicks: dict[str, Click] = {}
        self.leads: deque[ReceivedLead] = deque()
        self.attempts: deque[Attempt] = deque(maxlen=limit)
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
        self.clicks[click.tid] = click
        if len(self.clicks) > self._limit:
            del self.clicks[next(iter(self.clicks))]

    def add_lead(self, lead: ReceivedLead) -> None:
        """Keep a lead, whose e-mail and uid have signed up from now on.

        Args:
            lead: The lead.
        """
        self.leads.append(lead)
        self._signed_up |= _names(lead.email, lead.uid)
        if len(self.leads) > self._limit:
            oldest = self.leads.popleft()
            self._signed_up -= _names(oldest.email, oldest.uid)

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
        return any(click.ref_id == ref_id for click in self.clicks.values())


def _names(email: str | None, uid: str | None) -> set[tuple[str, str]]:
    named = (("email", email), ("uid", uid))
    return {(kind, value) for kind, value in named if value is not None}
