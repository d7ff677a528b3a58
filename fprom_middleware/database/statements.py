"""The SQL that makes the outbox's tables, and brings older ones up to date."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable, DropTable

from .order_keys import NO_KEYS
from .schema import SCHEMA_ROW, VERSION, accounts, leads, metadata

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.engine import Connection, Dialect

    Columns = Mapping[str, Mapping[str, bool]]
    """By table, whether each column that it has may be NULL; a table that is missing has none."""

_RENAMED: Final = {"unknowns": "not_found_count"}
# SQLite cannot: there `no_payload` is "".
_PAYLOAD_MAY_BE_NULL: Final = {
    "postgresql": "ALTER payload DROP NOT NULL",
    "mysql": "MODIFY payload LONGTEXT",
}


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
        there = found.get(table.name, {})
        if not there.get("payload", True) and backend_of(dialect) in _PAYLOAD_MAY_BE_NULL:
            statements.append(_alter(table, _PAYLOAD_MAY_BE_NULL[backend_of(dialect)]))
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


def set_order_keys(keys: Mapping[int, Mapping[str, int | None]]) -> sa.Update:
    """Return the one statement that says of many rows whom they are about.

    Args:
        keys: By the row's id, what `order_keys` returned.
    """
    # Figures and no parameters: there may be more than a database takes.
    values: dict[str, Any] = {}
    for name in NO_KEYS:
        by_id = {
            _figure(number): _figure(of[name])
            for number, of in keys.items()
            if of[name] is not None
        }
        chosen: Any = sa.case(by_id, value=leads.c.id) if by_id else sa.null()
        values[name] = sa.cast(chosen, sa.BigInteger)
    return (
        sa.update(leads).where(leads.c.id.in_([_figure(number) for number in keys])).values(values)
    )


def _figure(number: int | None) -> sa.ColumnElement[Any]:
    return sa.literal_column(str(number))


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


@dataclass(frozen=True, slots=True)
class DriverStatement:
    """A statement in the driver's own words: a view waits for each row, a drain for many.

    To hand them to the driver takes SQLAlchemy a third of the time of handing it the statement.

    Attributes:
        text: With a parameter for each name.
        names: In the order of the parameters.
        positional: True where the driver takes parameters by place, not by name.
    """

    text: str
    names: tuple[str, ...]
    positional: bool

    @classmethod
    def of(cls, statement: Any, names: Collection[str], dialect: Dialect) -> Self:
        """Compile it.

        Args:
            statement: What it does; its columns hold what the driver takes as it is.
            names: The parameters that a row gives.
            dialect: Of the database, and of its driver.
        """
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        order = compiled.positiontup if compiled.positional else names
        return cls(str(compiled), tuple(order), compiled.positional)

    def run(self, connection: Connection, *rows: Mapping[str, Any]) -> None:
        """Run it for rows, one after the other.

        Args:
            connection: Inside a transaction.
            *rows: A value for each of the names.
        """
        given: list[Any] = [
            tuple(row[name] for name in self.names)
            if self.positional
            else {name: row[name] for name in self.names}
            for row in rows
        ]
        connection.exec_driver_sql(self.text, given if len(given) > 1 else given[0])


def backend_of(dialect: Dialect) -> str:
    """Return ``sqlite``, ``postgresql`` or ``mysql``, which MariaDB counts as."""
    return "mysql" if dialect.name == "mariadb" else dialect.name


def _indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _alter(table: sa.Table, change: str) -> sa.DDL:
    return sa.DDL(f"ALTER TABLE {table.name} {change}")  # type: ignore[no-untyped-call]
