"""The outbox's tables as SQL for a Django connection, made of the one definition there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.schema import ExecutableDDLElement

from ...database.schema import metadata
from ...errors import FpromConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.engine import Dialect


def dialect_of(vendor: str) -> Dialect:
    """Return how statements are written for one of Django's databases.

    Args:
        vendor: Django's name of it, as in ``connection.vendor``.

    Raises:
        FpromConfigError: The outbox knows no such database.
    """
    if vendor not in {"sqlite", "postgresql", "mysql"}:
        msg = f"the outbox cannot be kept in a database of the kind {vendor}: keep it in another."
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
    kind: Any = sa.make_url(f"{vendor}://").get_dialect()
    # Every one of Django's cursors takes this style.
    dialect: Dialect = kind(paramstyle="pyformat")
    return dialect


def as_text(statements: Iterable[Any], dialect: Dialect) -> list[str]:
    """Write statements out, values included, as `sqlmigrate` shows them."""
    return [
        str(
            statement.compile(dialect=dialect)
            if isinstance(statement, ExecutableDDLElement)
            else statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        ).strip()
        for statement in statements
    ]


def tables_of(connection: Any) -> set[str]:
    """Return which of the outbox's tables a Django connection's database has."""
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor)) & set(metadata.tables)
