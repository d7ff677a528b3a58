"""The outbox's tables as SQL for a Django connection, made of the one definition there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from ...errors import FpromConfigError
from ..schema import CREATION_LOCK, SCHEMA_ROW, VERSION, accounts, metadata

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Dialect

LOCK: Final = f"SELECT pg_advisory_xact_lock({CREATION_LOCK})"
"""As `fprom_middleware.outbox.schema.create_tables` takes it."""


def creation(vendor: str, present: Collection[str] = ()) -> list[str]:
    """Return the statements that create whatever is missing, the version row included.

    Args:
        vendor: Django's name of the database, as in ``connection.vendor``.
        present: Tables that are there already.

    Raises:
        FpromConfigError: SQLAlchemy knows no such database.
    """
    dialect = _dialect(vendor)
    statements = [LOCK] if vendor == "postgresql" else []
    # Who waited for the lock finds the tables made; MySQL knows no such clause for an index.
    careful = vendor != "mysql"
    for table in metadata.sorted_tables:
        if table.name not in present:
            statements.append(_sql(CreateTable(table, if_not_exists=True), dialect))
            statements += [
                _sql(CreateIndex(index, if_not_exists=careful), dialect) for index in table.indexes
            ]
    return [*statements, _sql(_version_row(), dialect)]


def removal(vendor: str) -> list[str]:
    """Return the statements that drop the tables."""
    dialect = _dialect(vendor)
    tables = reversed(metadata.sorted_tables)
    return [_sql(DropTable(table, if_exists=True), dialect) for table in tables]


def tables_of(connection: Any) -> set[str]:
    """Return which of the outbox's tables a Django connection's database has."""
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor)) & set(metadata.tables)


def _version_row() -> sa.Insert:
    values: dict[str, Any] = {
        "account": SCHEMA_ROW,
        "version": VERSION,
        "failures": 0,
        "calls": "",
    }
    there = sa.exists().where(accounts.c.account == SCHEMA_ROW)
    row = sa.select(*(sa.literal(value) for value in values.values())).where(~there)
    return sa.insert(accounts).from_select(list(values), row)


def _sql(statement: Any, dialect: Dialect) -> str:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return str(compiled).strip()


def _dialect(vendor: str) -> Dialect:
    try:
        return sa.make_url(f"{vendor}://").get_dialect()()
    except sa.exc.SQLAlchemyError:
        msg = f"SQLAlchemy knows no database {vendor}: keep the outbox in another one."
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL") from None
