"""What became of one customer's events: by the e-mail address or the id that a person names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..database.order_keys import order_keys, same_mailbox
from ..database.schema import leads
from .admin import State
from .due import DELIVERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .admin import Inspection, OutboxRow

_PAGE: Final = 500
# No index knows the hashes: all of the account's history is read, and no view waits for it.
_BOUND_SECONDS: Final = 60.0


def find_of(inspection: Inspection, whom: str) -> Sequence[OutboxRow]:
    """Return a customer's events, the oldest first.

    Args:
        inspection: Of the account. Where it knows no API key (`History.has_key`), no delivered
            event can be found.
        whom: An e-mail address, or a uid.

    Returns:
        What waits, what was rejected, and what was delivered within FPROM_HISTORY_DAYS.
    """
    history = inspection.outbox.history
    keys = order_keys(inspection.account, {"email": whom, "uid": whom})
    hashes = history.hashes(whom, whom) if history.has_key else {}
    named = sa.select(leads.c.id).where(
        leads.c.account == inspection.account,
        sa.or_(
            sa.and_(leads.c.due_at.is_not(None), _any_of(keys)),
            sa.and_(*DELIVERED, _any_of(hashes)),
        ),
    )
    ids = inspection.outbox.database.read(
        lambda connection: connection.scalars(named).all(), bound=_BOUND_SECONDS
    )
    pages = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
    waiting_or_sent = [row for page in pages for row in inspection.among(page)]
    rejected = inspection.everything(rejected_only=True)
    found = [row for row in waiting_or_sent if row.state is State.DELIVERED or _is_of(row, whom)]
    found += [row for row in rejected if _is_of(row, whom)]
    return sorted(found, key=lambda row: row.id)


def explain_nothing(days: int) -> str:
    """Say why nothing may be found of a customer.

    Args:
        days: FPROM_HISTORY_DAYS.
    """
    ended = f"delivered more than {days} days ago" if days else "delivered (FPROM_HISTORY_DAYS=0)"
    return (
        "nothing is stored of this customer: the visitor was organic or without consent, sending "
        f"was disabled, FPROM_BEFORE_SEND dropped it, or it was {ended}, or rejected more than "
        "30 days ago"
    )


def _any_of(values: dict[str, int | None] | dict[str, str | None]) -> sa.ColumnElement[bool]:
    return sa.or_(sa.false(), *(leads.c[name] == value for name, value in values.items()))


def _is_of(row: OutboxRow, whom: str) -> bool:
    event = row.event
    if event is None:
        return False
    email = None if event.email is None else same_mailbox(event.email)
    return event.uid == whom or email == same_mailbox(whom)
