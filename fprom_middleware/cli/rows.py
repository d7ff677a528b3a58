"""Events as a person sees them, in a table or as JSON: masked, and with what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..masking import mask_tail
from ..outbox.admin import State
from .output import moment, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox.admin import OutboxRow

_HEAD = ("id", "kind", "state", "queued at", "ended at", "calls", "reason", "who", "tid")


def show_rows(rows: Sequence[OutboxRow]) -> None:
    """Show events, a line each."""
    show_table(
        _HEAD,
        [
            (
                str(row.id),
                row.kind,
                say_state(row),
                moment(row.queued_at),
                moment(_ended_at(row)),
                str(row.attempts),
                row.reason or "-",
                row.who or "-",
                _tid(row) or "-",
            )
            for row in rows
        ],
    )


def as_figures(row: OutboxRow) -> dict[str, Any]:
    """Return an event as JSON has it; what it does not have is None."""
    moments = {
        "queued_at": row.queued_at,
        "created_at": row.created_at,
        "due_at": row.due_at,
        "rejected_at": row.rejected_at,
        "delivered_at": row.delivered_at,
    }
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "status": row.status,
        "reason": row.reason,
        "blocked": row.blocked,
        **{name: None if at is None else moment(at) for name, at in moments.items()},
        "attempts": row.attempts,
        "who": row.who,
        "tid": _tid(row),
    }


def say_state(row: OutboxRow) -> str:
    """Say how it stands; of a delivered one, how FirstPromoter answered."""
    if row.state is State.DELIVERED:
        return row.status or row.state
    return f"{row.state}, behind an earlier event of the customer" if row.blocked else row.state


def _ended_at(row: OutboxRow) -> float | None:
    return row.rejected_at if row.delivered_at is None else row.delivered_at


def _tid(row: OutboxRow) -> str | None:
    if row.tid_tail is not None:
        return f"…{row.tid_tail}"
    return mask_tail(getattr(row.event, "tid", None))
