"""The outbox's tables, as SQLAlchemy metadata that a migration can include.

`leads` is the outbox: one row an event. `accounts` holds what all drainers of one account share:
the pace, the pause, and the version of this layout.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.mysql import LONGTEXT

VERSION: Final = 4
"""Of this layout. It stands in the row of `accounts` whose account is `SCHEMA_ROW`."""
SCHEMA_ROW: Final = "#schema"

# MySQL's TEXT ends after 64 kB.
_LONG_TEXT: Final = Text().with_variant(LONGTEXT(), "mysql", "mariadb")

metadata: Final = MetaData()
"""For Alembic: add it to ``target_metadata``."""

leads: Final = Table(
    "fprom_outbox",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    # Made before the first try to write it: a write that was given up, and commits late, is no
    # second row.
    Column("row_key", String(32)),
    Column("account", String(255), nullable=False),
    # What was there before other kinds were are sign-ups.
    Column("kind", String(16), nullable=False, server_default="signup"),
    # Whom it is about, where it has not ended: events of one customer are sent in their order.
    Column("email_key", BigInteger),
    Column("uid_key", BigInteger),
    # 1 while it waits for an earlier one of the same customer.
    Column("blocked", Integer, nullable=False, server_default="0"),
    # Seconds since the epoch. Schedule, back-off and lease in one; NULL once it has ended.
    Column("due_at", Double),
    Column("queued_at", Double, nullable=False),
    # Calls, and the last one's moment.
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tried_at", Double),
    # Those that made the back-off grow.
    Column("failed_count", Integer, nullable=False, server_default="0"),
    # Those that the API answered with 404: they have a schedule of their own.
    Column("not_found_count", Integer, nullable=False, server_default="0"),
    # Those that failed while other events got through: they are the event's own fault.
    Column("own_failures", Integer, nullable=False, server_default="0"),
    Column("rejected_at", Double),
    Column("reason", String(32)),
    # The event as JSON in ASCII: no key, and no NUL that a database could refuse. Nothing once it
    # is delivered: that is NULL, and "" where SQLite made the column in an older version.
    Column("payload", _LONG_TEXT),
    # What a delivered event leaves, beside the columns above.
    Column("delivered_at", Double),
    Column("status", String(16)),
    # The event's own moment.
    Column("created_at", Double),
    Column("tid_tail", String(64)),
    Column("email_hash", String(32)),
    Column("uid_hash", String(32)),
    # The traceparent of the request that it is of.
    Column("trace", String(64)),
)
Index("fprom_outbox_due", leads.c.account, leads.c.due_at)
# What has ended: the rejected ones (delivered_at is NULL), then the delivered ones.
Index(
    "fprom_outbox_ended",
    leads.c.account,
    leads.c.delivered_at,
    leads.c.rejected_at,
    sqlite_where=leads.c.due_at.is_(None),
    postgresql_where=leads.c.due_at.is_(None),
)
Index("fprom_outbox_key", leads.c.row_key, unique=True)
Index("fprom_outbox_email", leads.c.email_key, leads.c.id)
Index("fprom_outbox_uid", leads.c.uid_key, leads.c.id)

accounts: Final = Table(
    "fprom_outbox_account",
    metadata,
    Column("account", String(255), primary_key=True),
    Column("version", Integer, nullable=False, default=VERSION),
    # In the row of `SCHEMA_ROW`: which outbox this is, made with its tables.
    Column("identity", String(32)),
    Column("failures", Integer, nullable=False, default=0),
    Column("paused_since", Double),
    Column("paused_until", Double),
    Column("pause_reason", String(32)),
    # Ids of different events among the failures, joined by blanks.
    Column("failed_events", String(100)),
    # Pauses for refused credentials, "fingerprint:since:until" joined by blanks.
    Column("refused", Text),
    Column("got_through_at", Double),
    # Calls of the last minute, "second:count" joined by blanks.
    Column("calls", Text, nullable=False, default=""),
)
