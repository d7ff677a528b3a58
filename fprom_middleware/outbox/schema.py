"""The outbox's tables, as SQLAlchemy metadata that a migration can include.

`leads` is the outbox: one row a lead. `accounts` holds what all drainers of one account share:
the pace, the pause, and the version of this layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    insert,
    inspect,
    select,
    text,
)

from ..errors import FpromConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

VERSION: Final = 1
"""Of this layout. It stands in the row of `accounts` whose account is `SCHEMA_ROW`."""
SCHEMA_ROW: Final = "#schema"
CREATION_LOCK: Final = 7093415
"""PostgreSQL's advisory lock that is held while tables are created; any number would do."""

metadata: Final = MetaData()
"""For Alembic: add it to ``target_metadata``."""

leads: Final = Table(
    "fprom_outbox",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("account", String(255), nullable=False),
    # Seconds since the epoch. Schedule, back-off and lease in one; NULL once rejected.
    Column("due_at", Double),
    Column("queued_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    # How often the API did not know the visitor: those tries have a schedule of their own.
    Column("not_found_count", Integer, nullable=False, default=0),
    Column("rejected_at", Double),
    Column("reason", String(32)),
    # The lead as JSON in ASCII: no key, and no NUL that a database could refuse.
    Column("payload", Text, nullable=False),
)
Index("fprom_outbox_due", leads.c.account, leads.c.due_at)

accounts: Final = Table(
    "fprom_outbox_account",
    metadata,
    Column("account", String(255), primary_key=True),
    Column("version", Integer, nullable=False, default=VERSION),
    Column("failures", Integer, nullable=False, default=0),
    Column("paused_since", Double),
    Column("paused_until", Double),
    Column("pause_reason", String(32)),
    # Calls of the last minute, "second:count" joined by blanks.
    Column("calls", Text, nullable=False, default=""),
)


def create_tables(connection: Connection, account: str) -> None:
    """Create what is missing, and see that the tables are of this version.

    Args:
        connection: Inside a transaction.
        account: Whose row of the shared state there shall be.

    Raises:
        FpromConfigError: The tables are older or newer than this version of the package.
    """
    if _complete(connection, account):
        return
    if connection.dialect.name == "postgresql":
        # Of two processes that create one table at the same time one would fail.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})"))
    metadata.create_all(connection)
    for row in (SCHEMA_ROW, account):
        if _version(connection, row) is None:
            connection.execute(insert(accounts).values(account=row, version=VERSION))


def _complete(connection: Connection, account: str) -> bool:
    inspector = inspect(connection)
    present = [table for table in (leads, accounts) if inspector.has_table(table.name)]
    for table in present:
        found = {column["name"] for column in inspector.get_columns(table.name)}
        if not found >= set(table.columns.keys()):
            raise _other_version("another")
    if accounts not in present:
        return False
    version = _version(connection, SCHEMA_ROW)
    if version is not None and version != VERSION:
        raise _other_version("an older" if version < VERSION else "a newer")
    return len(present) == len(metadata.tables) and None not in (
        version,
        _version(connection, account),
    )


def _version(connection: Connection, row: str) -> int | None:
    return connection.scalar(select(accounts.c.version).where(accounts.c.account == row))


def _other_version(which: str) -> FpromConfigError:
    msg = (
        f"the outbox tables are of {which} version of fprom_middleware. Drain them with that "
        f'version, then rename or drop "{leads.name}" and "{accounts.name}": this one makes '
        "them anew."
    )
    return FpromConfigError(msg, key="FPROM_OUTBOX_URL")
