"""What `session=` takes, and how a row gets into a transaction that is not ours."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect

from ...database.schema import SCHEMA_ROW, accounts, leads
from ...database.statements import backend_of, insert_new
from ...database.tables import Tables, prepare_tables, read_identity
from ...errors import FpromConfigError
from ...masking import mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from ...database.database import Database

_NO_TABLE: Final = frozenset({"42P01", 1146})
# Both tables in one schema: a search_path may find each in another.
_ONE_SCHEMA: Final = (
    " AND (SELECT relnamespace FROM pg_class WHERE oid = fprom_outbox_account.tableoid)"
    " = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('fprom_outbox'))"
)


class IdentityHiddenError(OSError):
    """The transaction sees the outbox's tables, but not yet which outbox they are."""


class CallersTransaction(Tables, Protocol):
    """The transaction that a caller is in, whichever library it is of."""

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What a statement raises where its table is missing, among other reasons."""
        ...

    def savepoint(self) -> AbstractContextManager[object]:
        """Keep a statement that fails from taking the caller's transaction with it.

        Raises:
            PendingRollbackError: The transaction has failed before.
        """
        ...


class TransactionWriter:
    """Writes rows into transactions that are not ours, where they are on the outbox's database.

    On a server the outbox is known by its identity, which is looked for in the statement that
    writes: what a URL says of a pooler, a search path or a tenant is not asked. Missing tables
    are made through a connection of our own there. A SQLite file is known by its path, and
    missing tables are made in the caller's transaction.

    Args:
        database: The outbox's own: what is written elsewhere is never drained.
        account: FirstPromoter's account id.
    """

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self._account = account
        self._tables_seen = False

    def prepare(self) -> None:
        """Do what takes a connection of our own, so that `write` takes none.

        Raises:
            SQLAlchemyError: The outbox's database refused.
            OSError: It does not answer.
            FpromConfigError: Its tables are of another version.
        """
        if not self._database.is_sqlite:
            self._database.identity()

    def write(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction.

        Args:
            row: The event as a row.
            session: A Session, a scoped_session (Flask-SQLAlchemy's ``db.session`` is one), a
                Connection, or a Django database connection.

        Raises:
            FpromConfigError: It is none of these, or bound to another database.
            SQLAlchemyError: The database refused.
            OSError: The outbox's own database does not answer.
            IdentityHiddenError: The transaction is older than the outbox.
            Exception: Django's, where its connection refused.
        """
        transaction = _transaction_of(session)
        backend = backend_of(transaction.dialect)
        if backend != self._database.backend:
            self._refuse(f"a {backend} database")
        if self._database.is_sqlite:
            self._write_into_file(row, transaction)
        else:
            self._write_where_seen(row, transaction)

    async def write_async(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction, an async one too.

        Args:
            row: The event as a row.
            session: As in `write`, or an AsyncSession, async_scoped_session or AsyncConnection.

        Raises:
            FpromConfigError: As in `write`.
            SQLAlchemyError: The database refused.
        """
        # Code that has an async session has loaded this module, and greenlet, which it needs.
        asyncio = sys.modules.get("sqlalchemy.ext.asyncio")
        if asyncio is not None:
            if isinstance(session, asyncio.async_scoped_session):
                session = session()
            if isinstance(session, asyncio.AsyncSession | asyncio.AsyncConnection):
                await session.run_sync(lambda inner: self.write(row, inner))
                return
        self.write(row, session)

    def _write_into_file(self, row: Mapping[str, Any], transaction: CallersTransaction) -> None:
        with transaction.savepoint():
            _, databases = transaction.execute(sa.text("PRAGMA database_list"))
        files = {name: file for _, name, file in databases}
        if not _is_same_file(files["main"], self._database.file_name):
            self._refuse(files["main"] or "a database in memory")
        insert = insert_new(leads, "sqlite")
        if self._tables_seen:
            try:
                with transaction.savepoint():
                    transaction.execute(insert, row)
            except transaction.refusals:
                # The tables that were seen went away with a transaction that was rolled back.
                self._tables_seen = False
            else:
                return
        with transaction.savepoint():
            prepare_tables(transaction, self._account)
            transaction.execute(insert, row)
        self._tables_seen = True

    def _write_where_seen(self, row: Mapping[str, Any], transaction: CallersTransaction) -> None:
        insert = _insert_where_seen(tuple(row), transaction.dialect.name)
        seen = None
        for fresh in (False, True):
            identity = self._database.identity(fresh=fresh)
            values = {**row, "schema_row": SCHEMA_ROW, "identity": identity}
            try:
                with transaction.savepoint():
                    written, _ = transaction.execute(insert, values)
                    if written:
                        return
                    seen = read_identity(transaction)
            except transaction.refusals as error:
                if not _no_table(error):
                    raise
                if fresh:
                    self._refuse("a database without its tables")
        if seen is not None:
            self._refuse("a database, or a schema, with another outbox")
        msg = "the transaction of session= is older than the outbox's tables"
        raise IdentityHiddenError(msg)

    def _refuse(self, where: str) -> NoReturn:
        msg = (
            f"session= is bound to {where}, but the outbox is drained from "
            f"{mask_url(str(self._database.url))}: set FPROM_OUTBOX_URL to the database of your "
            "users."
        )
        raise FpromConfigError(msg) from None


def _transaction_of(session: object) -> CallersTransaction:
    # Each sibling is imported where its library is in use: its caller has loaded that already.
    if hasattr(session, "settings_dict") and hasattr(session, "vendor"):
        from .django import DjangoTransaction  # noqa: PLC0415 - as above

        return DjangoTransaction(session)
    from .sqlalchemy import SqlalchemyTransaction  # noqa: PLC0415 - as above

    return SqlalchemyTransaction.of(session)


@lru_cache(maxsize=16)
def _insert_where_seen(names: tuple[str, ...], dialect: str) -> sa.TextClause:
    values = [f":{name}" for name in names]
    if dialect == "postgresql":
        # Without their types it would take the values of a SELECT for texts.
        written = PGDialect()  # type: ignore[no-untyped-call]  # the base of every driver's
        types = [leads.c[name].type.compile(written) for name in names]
        values = [f"CAST({value} AS {kind})" for value, kind in zip(values, types, strict=True)]
    return sa.text(
        f"INSERT INTO {leads.name} ({', '.join(names)}) SELECT {', '.join(values)} "  # noqa: S608 - names of our own columns
        f"FROM {accounts.name} WHERE {accounts.name}.account = :schema_row "
        f"AND {accounts.name}.identity = :identity"
        f"{_ONE_SCHEMA if dialect == 'postgresql' else ''}"
    )


def _no_table(error: Exception) -> bool:
    # SQLAlchemy hands the driver's own error on as orig, Django as the cause.
    cause = getattr(error, "orig", None) or error.__cause__ or error
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return state in _NO_TABLE or next(iter(cause.args), None) in _NO_TABLE


def _is_same_file(theirs: str, ours: str) -> bool:
    with suppress(OSError):
        return Path(theirs).samefile(ours)
    return bool(theirs) and Path(theirs).resolve() == Path(ours).resolve()
