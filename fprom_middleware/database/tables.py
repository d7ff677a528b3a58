"""The outbox's tables: made, brought up to date, and known by their identity."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..errors import FpromConfigError
from .order_keys import order_keys
from .schema import SCHEMA_ROW, VERSION, accounts, leads, metadata
from .statements import backend_of, creation, rows, set_order_keys, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Dialect

    from .statements import Columns

# Of two processes that create one table at the same time one would fail. Any number and name
# would do; PostgreSQL's lock ends with the transaction, MySQL's transactions end with each table.
_LOCKS: Final = {
    "postgresql": "SELECT pg_advisory_xact_lock(7093415)",
    "mysql": "SELECT GET_LOCK('fprom_outbox', 1)",
}
_UNLOCK: Final = "SELECT RELEASE_LOCK('fprom_outbox')"
_OLDEST: Final = 1
_PAGE: Final = 200
_FIRST_COLUMNS: Final = {
    leads.name: {"id", "account", "due_at", "queued_at", "attempts", "rejected_at", "payload"},
    accounts.name: {"account", "version", "failures", "calls"},
}
# The user may not change tables: PostgreSQL's state, MySQL's codes.
_DENIED: Final = frozenset({"42501", 1044, 1142, 1227})


class Tables(Protocol):
    """A database that may hold the outbox's tables, seen through anyone's connection."""

    @property
    def dialect(self) -> Dialect:
        """How its statements are written."""
        ...

    def columns_of(self, table: str) -> Mapping[str, bool]:
        """Return whether each column of a table may be NULL; none where there is no such table."""
        ...

    def execute(
        self, statement: Any, values: Mapping[str, Any] | None = None
    ) -> tuple[int, Sequence[Sequence[Any]]]:
        """Run a statement; return how many rows it changed, and those that it found."""
        ...


class ConnectionTables:
    """The tables as a SQLAlchemy connection sees them.

    Args:
        connection: Inside a transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.dialect: Dialect = connection.dialect

    def columns_of(self, table: str) -> Mapping[str, bool]:
        """Return whether each column of a table may be NULL."""
        inspector = sa.inspect(self.connection)
        if not inspector.has_table(table):
            return {}
        return {column["name"]: column["nullable"] for column in inspector.get_columns(table)}

    def execute(
        self, statement: Any, values: Mapping[str, Any] | None = None
    ) -> tuple[int, Sequence[Sequence[Any]]]:
        """Run a statement."""
        # A schema_translate_map is for the app's own tables: it would lead to another outbox.
        result = self.connection.execute(
            statement, values, execution_options={"schema_translate_map": None}
        )
        return result.rowcount, result.all() if result.returns_rows else ()


def prepare_tables(tables: Tables, account: str) -> str:
    """Create what is missing, bring older tables up to date, and see which outbox it is.

    Args:
        tables: Inside a transaction.
        account: Whose row of the shared state there shall be.

    Returns:
        The outbox's identity.

    Raises:
        FpromConfigError: The tables are of a version that this one cannot use, or may not be
            brought up to date by this user.
    """
    _, identity = _look(tables, account)
    if identity is None:
        with _locked(tables):
            found, _ = _look(tables, account)
            for statement in creation(tables.dialect, [name for name in found if found[name]]):
                tables.execute(statement)
            _bring_up_to_date(tables, found)
            if found[leads.name]:
                fill_order_keys(tables)
            for statement in rows(tables.dialect, account):
                tables.execute(statement)
            identity = read_identity(tables)
    return identity or ""


def are_there(tables: Tables) -> bool:
    """Say whether the tables are there, without making them.

    Raises:
        FpromConfigError: They are of another version.
    """
    found, _ = _look(tables, SCHEMA_ROW)
    if upgrade(tables.dialect, found):
        msg = "the outbox tables are of an older version: the app's first request mends that."
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
    return all(found.values())


def fill_order_keys(tables: Tables) -> None:
    """Say of each event that waits whom it is about, where an older version has not.

    Args:
        tables: Inside a transaction; up to date.
    """
    last = 0
    wanted = leads.c.due_at.is_not(None), leads.c.email_key.is_(None), leads.c.uid_key.is_(None)
    payload: sa.ColumnElement[Any] = leads.c.payload
    if backend_of(tables.dialect) == "sqlite":
        # A text that is damaged would fail the connection of a caller, for all of the page.
        payload = sa.cast(payload, sa.LargeBinary)
    while True:
        page = sa.select(leads.c.id, leads.c.account, payload).where(
            *wanted, leads.c.id > sa.literal(last)
        )
        _, found = tables.execute(page.order_by(leads.c.id).limit(_PAGE))
        keys: dict[int, Mapping[str, int | None]] = {}
        for number, account, text in found:
            last = number
            # A damaged row has no customer, and is rejected in its turn.
            with suppress(ValueError, TypeError, AttributeError, RecursionError):
                keys[number] = order_keys(account, json.loads(text))
        if keys:
            tables.execute(set_order_keys(keys))
        if len(found) < _PAGE:
            return


def read_identity(tables: Tables) -> str | None:
    """Return which outbox it is, None where that is not to be seen."""
    chosen = sa.select(accounts.c.identity).where(accounts.c.account == SCHEMA_ROW)
    _, found = tables.execute(chosen)
    return found[0][0] if found else None


def _look(tables: Tables, account: str) -> tuple[Columns, str | None]:
    found = {table.name: tables.columns_of(table.name) for table in metadata.sorted_tables}
    for name, columns in found.items():
        if columns and not _FIRST_COLUMNS[name] <= set(columns):
            raise _other_version("another")
    complete = all(set(t.columns.keys()) <= set(found[t.name]) for t in metadata.sorted_tables)
    if not found[accounts.name]:
        return found, None
    mine = sa.or_(accounts.c.account == SCHEMA_ROW, accounts.c.account == account)
    _, versions = tables.execute(sa.select(accounts.c.account, accounts.c.version).where(mine))
    by_account = {row[0]: row[1] for row in versions}
    version = by_account.get(SCHEMA_ROW)
    if version is not None and not _OLDEST <= version <= VERSION:
        raise _other_version("an older" if version < _OLDEST else "a newer")
    if not complete or version != VERSION or account not in by_account:
        return found, None
    return found, read_identity(tables)


@contextmanager
def _locked(tables: Tables) -> Iterator[None]:
    lock = _LOCKS.get(backend_of(tables.dialect))
    if lock is not None:
        tables.execute(sa.text(lock))
    try:
        yield
    finally:
        if backend_of(tables.dialect) == "mysql":
            # It ends with the connection too; what went wrong before is what is to be told.
            with suppress(Exception):
                tables.execute(sa.text(_UNLOCK))


def _bring_up_to_date(tables: Tables, found: Columns) -> None:
    statements = upgrade(tables.dialect, found)
    try:
        for statement in statements:
            tables.execute(statement)
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        if not {state, *getattr(error.orig, "args", ())[:1]} & _DENIED:
            raise
        wanted = "; ".join(str(s.compile(dialect=tables.dialect)).strip() for s in statements)
        msg = (
            "the outbox tables are of an older version, and this database user may not change "
            f"them. Run, as their owner: {wanted}"
        )
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL") from None


def _other_version(which: str) -> FpromConfigError:
    msg = (
        f"the outbox tables are of {which} version of fprom_middleware. Drain them with that "
        f'version, then rename or drop "{leads.name}" and "{accounts.name}": this one makes '
        "them anew."
    )
    return FpromConfigError(msg, key="FPROM_OUTBOX_URL")
