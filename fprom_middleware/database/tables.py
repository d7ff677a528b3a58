"""The outbox's tables: made, brought up to date, and known by their identity."""

from __future__ import annotations

import uuid
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DropTable

from ..errors import FpromConfigError
from .schema import SCHEMA_ROW, VERSION, accounts, leads, metadata

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Dialect

    Columns = Mapping[str, Collection[str]]
    """By table, the names of the columns that it has; a table that is missing has none."""

# Of two processes that create one table at the same time one would fail. Any number and name
# would do; PostgreSQL's lock ends with the transaction, MySQL's transactions end with each table.
_LOCKS: Final = {
    "postgresql": "SELECT pg_advisory_xact_lock(7093415)",
    "mysql": "SELECT GET_LOCK('fprom_outbox', 1)",
}
_UNLOCK: Final = "SELECT RELEASE_LOCK('fprom_outbox')"
_OLDEST: Final = 1
_FIRST_COLUMNS: Final = {
    leads.name: {"id", "account", "due_at", "queued_at", "attempts", "rejected_at", "payload"},
    accounts.name: {"account", "version", "failures", "calls"},
}
_RENAMED: Final = {"unknowns": "not_found_count"}
# The user may not change tables: PostgreSQL's state, MySQL's codes.
_DENIED: Final = frozenset({"42501", 1044, 1142, 1227})


class Tables(Protocol):
    """A database that may hold the outbox's tables, seen through anyone's connection."""

    @property
    def dialect(self) -> Dialect:
        """How its statements are written."""
        ...

    def columns_of(self, table: str) -> Collection[str]:
        """Return the names of a table's columns; none where there is no such table."""
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

    def columns_of(self, table: str) -> Collection[str]:
        """Return the names of a table's columns."""
        inspector = sa.inspect(self.connection)
        if not inspector.has_table(table):
            return ()
        return {column["name"] for column in inspector.get_columns(table)}

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


def creation(dialect: Dialect, present: Collection[str]) -> list[Any]:
    """Return the statements that create the tables that are missing.

    Args:
        dialect: Of the database.
        present: The names of tables that are there already.
    """
    # MySQL knows no such clause for an index.
    careful = backend_of(dialect) != "mysql"
    statements: list[Any] = []
    for table in metadata.sorted_tables:
        if table.name not in present:
            statements.append(CreateTable(table, if_not_exists=True))
            statements += [CreateIndex(i, if_not_exists=careful) for i in _indexes(table)]
    return statements


def upgrade(dialect: Dialect, found: Columns) -> list[Any]:
    """Return the statements that bring tables of an older version up to date.

    Args:
        dialect: Of the database.
        found: What is there.
    """
    statements: list[Any] = []
    for table in metadata.sorted_tables:
        there = found.get(table.name, ())
        missing = [c for c in table.columns if there and c.name not in there]
        names = {column.name for column in missing}
        for old, new in _RENAMED.items():
            if old in there and new in names:
                statements.append(_alter(table, f"RENAME COLUMN {old} TO {new}"))
                names.discard(new)
        for column in missing:
            if column.name in names:
                written = str(CreateColumn(column).compile(dialect=dialect))
                statements.append(_alter(table, f"ADD COLUMN {written}"))
        statements += [
            CreateIndex(index) for index in _indexes(table) if names & set(index.columns.keys())
        ]
        if missing and table is leads and backend_of(dialect) == "mysql":
            statements.append(_alter(table, "MODIFY payload LONGTEXT NOT NULL"))
    return statements


def rows(dialect: Dialect, *accounts_of: str) -> list[Any]:
    """Return the statements that make the row of the layout and those of accounts.

    Args:
        dialect: Of the database.
        accounts_of: FirstPromoter's account ids.
    """
    made: list[Any] = [
        insert_new(accounts, dialect.name).values(
            account=account, version=VERSION, failures=0, calls=""
        )
        for account in (SCHEMA_ROW, *accounts_of)
    ]
    layout = sa.update(accounts).where(accounts.c.account == SCHEMA_ROW)
    unnamed = layout.where(accounts.c.identity.is_(None))
    return [
        *made,
        layout.values(version=VERSION),
        unnamed.values(identity=sa.literal(uuid.uuid4().hex)),
    ]


def backend_of(dialect: Dialect) -> str:
    """Return ``sqlite``, ``postgresql`` or ``mysql``, which MariaDB counts as."""
    return "mysql" if dialect.name == "mariadb" else dialect.name


def removal() -> list[Any]:
    """Return the statements that drop the tables."""
    return [DropTable(table, if_exists=True) for table in reversed(metadata.sorted_tables)]


@cache
def insert_new(table: sa.Table, dialect: str) -> Any:
    """Return an INSERT that passes over a row whose key is there already.

    Args:
        table: Where to.
        dialect: The database's name.
    """
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing().inline()
    if dialect == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing().inline()
    # INSERT IGNORE would pass over every other mistake too.
    (key,) = table.primary_key.columns
    return mysql.insert(table).on_duplicate_key_update({key.name: key}).inline()


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


def _indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _alter(table: sa.Table, change: str) -> sa.DDL:
    return sa.DDL(f"ALTER TABLE {table.name} {change}")  # type: ignore[no-untyped-call]


def _other_version(which: str) -> FpromConfigError:
    msg = (
        f"the outbox tables are of {which} version of fprom_middleware. Drain them with that "
        f'version, then rename or drop "{leads.name}" and "{accounts.name}": this one makes '
        "them anew."
    )
    return FpromConfigError(msg, key="FPROM_OUTBOX_URL")
