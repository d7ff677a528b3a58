"""What a delivered event leaves: how it ended, and for those who can name a person, of whom."""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..database.order_keys import NO_KEYS, same_mailbox
from ..database.schema import leads
from ..database.statements import DriverStatement
from ..events.lead import Lead
from ..masking import mask_tail
from ..settings.model import NO_API_KEY
from ..timestamps import as_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection, Dialect

    from ..settings.model import FpromSettings
    from .claims import Answer

_HASH_DIGITS: Final = 32
_A_DAY: Final = 86400.0
_LEFT: Final = (
    "attempts",
    "tried_at",
    "delivered_at",
    "status",
    "reason",
    "created_at",
    "tid_tail",
    "email_hash",
    "uid_hash",
    "payload",
)


class History:
    """How long delivered events are kept, and under which names.

    Args:
        settings: The account's: FPROM_HISTORY_DAYS, and the API key that names are hashed with.

    Attributes:
        days: For which a delivered event keeps its row; 0 deletes it at once.
        has_key: False where no API key is known: then nothing can be found by name.
    """

    def __init__(self, settings: FpromSettings) -> None:
        self.days = settings.history_days
        self.has_key = settings.api_key != NO_API_KEY
        self._account = settings.account_id or ""
        # The key itself is kept out of every frame.
        key = (settings.api_key or "").encode("utf-8", "surrogatepass")
        self._keyed = hmac.new(key, digestmod="sha256")

    @property
    def seconds(self) -> float:
        """For how long a delivered event keeps its row."""
        return self.days * _A_DAY

    def hashes(self, email: str | None, uid: str | None) -> dict[str, str | None]:
        """Return the columns that a person is found by.

        Args:
            email: Of an event, or of a person who is looked for.
            uid: The same.

        Returns:
            An HMAC-SHA256 by column, 32 hexadecimal digits, keyed with the API key.
        """
        mailbox = None if email is None else same_mailbox(email)
        return {"email_hash": self._hash("email", mailbox), "uid_hash": self._hash("uid", uid)}

    def write(self, connection: Connection, delivered: Sequence[Answer]) -> None:
        """Cut rows down to what is kept, or delete them where nothing is.

        Delivered is delivered, even where another drainer holds the lease by now. But it is the
        event that ends, not the row that has been given its id since.

        Args:
            connection: Inside a transaction.
            delivered: What was sent; the API has taken it, or has no use for it.
        """
        if not delivered:
            return
        if self.days:
            payload = _no_payload(connection)
            rows = [self._left_of(answer) | {"payload": payload} for answer in delivered]
            _cut_down(connection.dialect).run(connection, *rows)
            return
        items = [answer.claimed for answer in delivered]
        connection.execute(
            sa.delete(leads).where(
                leads.c.id.in_([item.id for item in items]),
                leads.c.queued_at.in_([item.queued_at for item in items]),
            )
        )

    def _left_of(self, answer: Answer) -> dict[str, Any]:
        item = answer.claimed
        event = item.event
        moment = event.created_at if isinstance(event, Lead) else None
        tail = mask_tail(getattr(event, "tid", None))
        return {
            "row": item.id,
            "written_at": item.queued_at,
            "attempts": item.attempts + 1,
            "tried_at": answer.at,
            "delivered_at": answer.at,
            "status": answer.status.value,
            "reason": None if answer.reason is None else answer.reason.value,
            "created_at": None if moment is None else as_utc(moment).timestamp(),
            "tid_tail": None if tail is None else tail.removeprefix("…"),
            **self.hashes(event.email, event.uid),
        }

    def _hash(self, name: str, value: str | None) -> str | None:
        if value is None:
            return None
        keyed = self._keyed.copy()
        keyed.update(f"{self._account}\0{name}\0{value}".encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()[:_HASH_DIGITS]


@lru_cache(maxsize=16)
def _cut_down(dialect: Dialect) -> DriverStatement:
    ended = dict.fromkeys(("due_at", "rejected_at", "trace", *NO_KEYS), sa.null())
    statement = (
        sa.update(leads)
        .where(
            leads.c.id == sa.bindparam("row"),
            leads.c.queued_at == sa.bindparam("written_at"),
            leads.c.delivered_at.is_(None),
        )
        .values(
            **ended,
            blocked=sa.literal_column("0"),
            **{name: sa.bindparam(name) for name in _LEFT},
        )
    )
    return DriverStatement.of(statement, (*_LEFT, "row", "written_at"), dialect)


def _no_payload(connection: Connection) -> str | None:
    # SQLite cannot take NOT NULL from the column of a table that an older version made.
    if connection.dialect.name != "sqlite":
        return None
    kept = connection.exec_driver_sql(
        "SELECT \"notnull\" FROM pragma_table_info('fprom_outbox') WHERE name = 'payload'"
    )
    return "" if kept.scalar() else None
