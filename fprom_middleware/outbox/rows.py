"""One row of the outbox as a person looks at it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ..events.lead import Lead

if TYPE_CHECKING:
    from sqlalchemy.engine import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A lead in the outbox, with everything that is known about it.

    Attributes:
        id: The row.
        queued_at: When it was written, seconds since the epoch.
        due_at: When it is sent next; None once it is rejected.
        attempts: Calls so far.
        rejected_at: When the API refused it for good.
        reason: Why.
        lead: What was, or will be, sent.
    """

    id: int
    queued_at: float
    due_at: float | None
    attempts: int
    rejected_at: float | None
    reason: str | None
    lead: Lead

    @property
    def rejected(self) -> bool:
        """True where the API will never take it."""
        return self.due_at is None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of the table."""
        return cls(
            id=row.id,
            queued_at=row.queued_at,
            due_at=row.due_at,
            attempts=row.attempts,
            rejected_at=row.rejected_at,
            reason=row.reason,
            lead=Lead.from_json(json.loads(row.payload)),
        )
