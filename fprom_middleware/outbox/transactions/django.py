"""The transaction of a Django database connection, and the URL of one that has an alias."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import SynchronousOnlyOperation
from django.db import (
    DatabaseError,
    InternalError,
    connections,
    transaction,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import PendingRollbackError
from sqlalchemy.schema import ExecutableDDLElement

from ...errors import FpromConfigError
from .django_ddl import dialect_of, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Dialect

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+mysqldb",
}
# OPTIONS that Django itself obeys, and its driver does not know.
_DJANGOS_OWN: Final = frozenset(
    {
        "assume_role",
        "isolation_level",
        "pool",
        "server_side_binding",
        "sql_mode",
        "transaction_mode",
    }
)


class DjangoTransaction:
    """What a Django connection is in.

    Args:
        connection: ``django.db.connection``, or one of ``connections``.
    """

    refusals: tuple[type[Exception], ...] = (DatabaseError,)

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.dialect: Dialect = dialect_of(connection.vendor)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Begin an atomic() of its own.

        Raises:
            FpromConfigError: Async code cannot use the connection.
            PendingRollbackError: The transaction has failed before.
        """
        try:
            with transaction.atomic(using=self._connection.alias):
                yield
        except SynchronousOnlyOperation:
            msg = (
                "session= is Django's connection, which async code cannot use. Create the user "
                "and call track_signup(...) in one function, and await "
                "sync_to_async(function)(...)."
            )
            raise FpromConfigError(msg) from None
        except (InternalError, transaction.TransactionManagementError):
            # What SQLAlchemy's own sessions say, and what the outbox understands.
            msg = "the transaction has failed before and must be rolled back"
            raise PendingRollbackError(msg) from None

    def columns_of(self, table: str) -> Mapping[str, bool]:
        """Return whether each column of a table may be NULL."""
        if table not in tables_of(self._connection):
            return {}
        with self._connection.cursor() as cursor:
            described = self._connection.introspection.get_table_description(cursor, table)
        return {column.name: bool(column.null_ok) for column in described}

    def execute(
        self, statement: Any, values: Mapping[str, Any] | None = None
    ) -> tuple[int, Sequence[Sequence[Any]]]:
        """Run a statement that SQLAlchemy writes."""
        if isinstance(statement, ExecutableDDLElement):
            compiled, parameters = statement.compile(dialect=self.dialect), None
        else:
            compiled = statement.compile(dialect=self.dialect, column_keys=values and list(values))
            parameters = compiled.construct_params(values)
        with self._connection.cursor() as cursor:
            cursor.execute(str(compiled), parameters or None)
            return cursor.rowcount, cursor.fetchall() if cursor.description else ()


def url_of_alias(alias: str) -> URL:
    """Return one of Django's databases as a URL.

    Args:
        alias: As in ``DATABASES``.

    Returns:
        The URL of what Django is connected to at the moment: under its test runner, the test's
        own database.

    Raises:
        FpromConfigError: There is no such alias, or it is a database that cannot hold the outbox.
    """
    if alias not in connections:
        msg = f"DATABASES has no alias {alias!r}: it has {', '.join(connections)}."
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
    connection = connections[alias]
    settings = connection.settings_dict
    # It refuses what cannot hold the outbox.
    dialect_of(connection.vendor)
    driver = _DRIVERS[connection.vendor]
    if connection.vendor == "postgresql" and find_spec("psycopg") is None:
        driver = "postgresql+psycopg2"
    options = {k: str(v) for k, v in settings["OPTIONS"].items() if isinstance(v, str | int)}
    if connection.vendor == "sqlite":
        return URL.create("sqlite", database=str(settings["NAME"]))
    host = str(settings["HOST"] or "")
    if host.startswith("/"):
        options["host" if connection.vendor == "postgresql" else "unix_socket"] = host
        host = ""
    return URL.create(
        driver,
        username=settings["USER"] or None,
        password=settings["PASSWORD"] or None,
        host=host or None,
        port=int(settings["PORT"]) if settings["PORT"] else None,
        database=str(settings["NAME"]) or None,
        query={k: v for k, v in options.items() if k not in _DJANGOS_OWN},
    )
