"""The transaction of a Django database connection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import SynchronousOnlyOperation
from django.db import (
    DatabaseError,
    InternalError,
    transaction,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import PendingRollbackError

from ...errors import FpromConfigError
from ..schema import SCHEMA_ROW, VERSION, leads, metadata
from ..store import insert_lead
from .django_ddl import creation, tables_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Every one of Django's cursors takes this style.
_PORTABLE: Final = DefaultDialect(paramstyle="pyformat")
_READ_VERSION: Final = "SELECT version FROM fprom_outbox_account WHERE account = %s"


class DjangoTransaction:
    """What a Django connection is in.

    Args:
        connection: ``django.db.connection``, or one of ``connections``.
    """

    refusals: tuple[type[Exception], ...] = (DatabaseError,)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @property
    def url(self) -> URL:
        """The connection's database, without user and password."""
        settings = self._connection.settings_dict
        port = str(settings.get("PORT") or "")
        return URL.create(
            self._connection.vendor,
            host=settings.get("HOST") or None,
            port=int(port) if port.isdigit() else None,
            database=str(settings["NAME"]),
        )

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

    def insert(self, row: Mapping[str, Any]) -> None:
        """Write a row."""
        compiled = insert_lead.compile(dialect=_PORTABLE, column_keys=list(row))
        with self._connection.cursor() as cursor:
            cursor.execute(str(compiled), dict(row))

    def create_tables(self, account: str) -> None:
        """Create what is missing; the account's own row is made by the first drain.

        Raises:
            FpromConfigError: They are of another version, or missing where making them would
                commit what the caller may still roll back.
        """
        del account
        connection = self._connection
        present = tables_of(connection)
        with connection.cursor() as cursor:
            if len(present) < len(metadata.tables):
                if not connection.features.can_rollback_ddl:
                    # Here a CREATE TABLE would commit what the caller may still roll back.
                    msg = "the outbox's tables are missing: run `manage.py migrate fprom`."
                    raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
                for statement in creation(connection.vendor, present):
                    cursor.execute(statement)
            cursor.execute(
                "SELECT version FROM fprom_outbox_account WHERE account = %s", [SCHEMA_ROW]
            )
            found = cursor.fetchone()
            described = connection.introspection.get_table_description(cursor, leads.name)
        columns = {column.name for column in described}
        if (found is not None and found[0] != VERSION) or not columns >= set(leads.columns.keys()):
            msg = "the outbox's tables are of another version: `manage.py fprom check` says more."
            raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
