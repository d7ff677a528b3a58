"""A lead written by Django's own connection: it exists exactly when the user row does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import SynchronousOnlyOperation  # type: ignore[import-untyped]
from django.db import (  # type: ignore[import-untyped]
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
from .sqlalchemy import check_same_database

if TYPE_CHECKING:
    from collections.abc import Mapping

# Every one of Django's cursors takes this style.
_PORTABLE: Final = DefaultDialect(paramstyle="pyformat")
_seen: set[URL] = set()


def write_row(row: Mapping[str, Any], connection: Any, url: URL, account: str) -> None:
    """Write a lead into the transaction that a Django connection is in.

    Args:
        row: The lead as a row.
        connection: ``django.db.connection``, or one of ``connections``.
        url: The outbox's own database.
        account: FirstPromoter's account id, whose shared row the first drain makes.

    Raises:
        FpromConfigError: The connection is to another database, in async code, or the tables
            are of another version.
        PendingRollbackError: The transaction has failed before.
        DatabaseError: The database refused; the caller's transaction stays usable.
    """
    del account
    theirs = url_of(connection)
    check_same_database(url, theirs)
    try:
        _write(row, connection, theirs)
    except SynchronousOnlyOperation:
        msg = (
            "session= is Django's connection, which async code cannot use. Create the user and "
            "call track_signup(...) in one function, and await sync_to_async(function)(...)."
        )
        raise FpromConfigError(msg) from None
    except (InternalError, transaction.TransactionManagementError):
        # What SQLAlchemy's own sessions say, and what the outbox understands.
        msg = "the transaction has failed before and must be rolled back"
        raise PendingRollbackError(msg) from None


def url_of(connection: Any) -> URL:
    """Return a Django connection's database as a URL, without user and password."""
    settings = connection.settings_dict
    port = str(settings.get("PORT") or "")
    return URL.create(
        connection.vendor,
        host=settings.get("HOST") or None,
        port=int(port) if port.isdigit() else None,
        database=str(settings["NAME"]),
    )


def _write(row: Mapping[str, Any], connection: Any, database: URL) -> None:
    if database in _seen:
        try:
            _insert(row, connection)
        except (InternalError, transaction.TransactionManagementError):
            raise
        except DatabaseError:
            # The tables that were seen may have gone with a transaction that was rolled back.
            _seen.discard(database)
        else:
            return
    with transaction.atomic(using=connection.alias):
        _create_tables(connection)
        _insert(row, connection)
    _seen.add(database)


def _insert(row: Mapping[str, Any], connection: Any) -> None:
    compiled = insert_lead.compile(dialect=_PORTABLE, column_keys=list(row))
    # A statement that fails must not take the caller's transaction with it.
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(str(compiled), dict(row))


def _create_tables(connection: Any) -> None:
    present = tables_of(connection)
    with connection.cursor() as cursor:
        if len(present) < len(metadata.tables):
            if not connection.features.can_rollback_ddl:
                # Here a CREATE TABLE would commit what the caller may still roll back.
                msg = "the outbox's tables are missing: run `manage.py migrate fprom`."
                raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
            for statement in creation(connection.vendor, present):
                cursor.execute(statement)
        cursor.execute("SELECT version FROM fprom_outbox_account WHERE account = %s", [SCHEMA_ROW])
        found = cursor.fetchone()
        described = connection.introspection.get_table_description(cursor, leads.name)
    columns = {column.name for column in described}
    if (found is not None and found[0] != VERSION) or not columns >= set(leads.columns.keys()):
        msg = "the outbox's tables are of another version: `manage.py fprom check` says more."
        raise FpromConfigError(msg, key="FPROM_OUTBOX_URL")
