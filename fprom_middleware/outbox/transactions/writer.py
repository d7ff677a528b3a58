"""What `session=` takes, and how a row gets into a transaction that is not ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from ..urls import check_same_database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import URL


class CallersTransaction(Protocol):
    """The transaction that a caller is in, whichever library it is of."""

    @property
    def url(self) -> URL:
        """The database that it is on."""
        ...

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

    def create_tables(self, account: str) -> None:
        """Create what is missing of the outbox's tables, and see that they are of this version."""
        ...

    def insert(self, row: Mapping[str, Any]) -> None:
        """Write a row."""
        ...


class TransactionWriter:
    """Writes leads into transactions that are not ours.

    Args:
        url: The outbox's own database: what is written elsewhere is never drained.
        account: FirstPromoter's account id.
    """

    def __init__(self, url: URL, account: str) -> None:
        self._url = url
        self._account = account
        self._tables_seen = False

    def write(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction.

        Args:
            row: The lead as a row.
            session: A Session, a scoped_session (Flask-SQLAlchemy's ``db.session`` is one), a
                Connection, or a Django database connection.

        Raises:
            FpromConfigError: It is none of these, or bound to another database.
            SQLAlchemyError: The database refused.
            Exception: Django's, where its connection refused.
        """
        transaction = _transaction_of(session)
        check_same_database(self._url, transaction.url)
        if self._tables_seen:
            try:
                with transaction.savepoint():
                    transaction.insert(row)
            except transaction.refusals:
                # The tables that were seen went away with a transaction that was rolled back.
                self._tables_seen = False
            else:
                return
        with transaction.savepoint():
            transaction.create_tables(self._account)
            transaction.insert(row)
        self._tables_seen = True

    async def write_async(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction, an async one too.

        Args:
            row: The lead as a row.
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


def _transaction_of(session: object) -> CallersTransaction:
    # Each sibling is imported where its library is in use: its caller has loaded that already.
    if hasattr(session, "settings_dict") and hasattr(session, "vendor"):
        from .django import DjangoTransaction  # noqa: PLC0415 - as above

        return DjangoTransaction(session)
    from .sqlalchemy import SqlalchemyTransaction  # noqa: PLC0415 - as above

    return SqlalchemyTransaction.of(session)
