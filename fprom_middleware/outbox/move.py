"""What waits in one outbox, moved into another: losing nothing at a kill in between."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..database.schema import leads
from ..database.statements import insert_new
from ..database.tables import ConnectionTables, read_identity
from ..errors import FpromConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from ..database.database import Database

_PAGE: Final = 100


def move_waiting(source: Database, target: Database, account: str) -> int:
    """Move an account's waiting events, a page at a time.

    A page is deleted where it was once it is committed where it goes. Interrupted in between, it
    stands in both until this is run again: a row is known by its key, and not written twice. One
    that has been sent meanwhile is sent again, and counts as delivered.

    Args:
        source: Where they wait.
        target: Where they go.
        account: Whose.

    Returns:
        How many.

    Raises:
        FpromConfigError: Both are one outbox.
        SQLAlchemyError: A database refused.
        OSError: A file cannot be opened.
    """
    if is_same_outbox(source, target):
        msg = "both are the same outbox: name the one that the events wait in."
        raise FpromConfigError(msg)
    moved = 0
    while page := _take_page(source, account):
        _write(target, page)
        _delete(source, page)
        moved += len(page)
    return moved


def is_same_outbox(one: Database, other: Database) -> bool:
    """Say whether two databases hold the same tables.

    Args:
        one: A database whose outbox is there.
        other: Another one.
    """
    if one.is_sqlite and other.is_sqlite:
        try:
            return Path(one.file_name).samefile(other.file_name)
        except OSError:
            return False
    return one.is_sqlite == other.is_sqlite and _identity(one) == _identity(other)


def _identity(database: Database) -> str | None:
    # Not the one that `Database` remembers: a database that is only looked at has asked for none.
    return database.read(lambda connection: read_identity(ConnectionTables(connection)))


def _take_page(source: Database, account: str) -> Sequence[Mapping[str, Any]]:
    mine = leads.c.account == account, leads.c.due_at.is_not(None)

    def work(connection: Connection) -> Sequence[Mapping[str, Any]]:
        statement = sa.select(leads).where(*mine).order_by(leads.c.id).limit(_PAGE)
        rows = [dict(row) for row in connection.execute(statement.with_for_update()).mappings()]
        for row in rows:
            if row["row_key"] is None:
                # Of before rows had keys; it must have the same one where this is run again.
                row["row_key"] = uuid.uuid4().hex
                named = sa.update(leads).where(leads.c.id == row["id"])
                connection.execute(named.values(row_key=row["row_key"]))
        return rows

    return source.run(work)


def _write(target: Database, page: Sequence[Mapping[str, Any]]) -> None:
    rows = [{name: value for name, value in row.items() if name != "id"} for row in page]
    target.run(
        lambda connection: connection.execute(insert_new(leads, connection.dialect.name), rows)
    )


def _delete(source: Database, page: Sequence[Mapping[str, Any]]) -> None:
    gone = sa.delete(leads).where(leads.c.row_key.in_([row["row_key"] for row in page]))
    source.run(lambda connection: connection.execute(gone))
