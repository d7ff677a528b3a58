"""A lead written in the caller's own transaction: it exists exactly when the user row does."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, ProgrammingError, UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from ...errors import FpromConfigError
from ...masking import mask_url
from ..schema import create_tables
from ..store import insert_lead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

_PORTS: Final = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
_THIS_HOST: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})


class Joiner:
    """Writes leads into transactions that are not ours.

    Args:
        url: The outbox's own database: what is written elsewhere nobody would drain.
        account: FirstPromoter's account id.
    """

    def __init__(self, url: URL, account: str) -> None:
        self._url = url
        self._account = account
        self._seen = False

    def join(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction.

        Args:
            row: The lead as a row.
            session: A Session, a scoped_session (Flask-SQLAlchemy's ``db.session`` is one), a
                Connection, or a Django database connection.

        Raises:
            FpromConfigError: It is none of these, or bound to another database.
            SQLAlchemyError: The database refused.
        """
        if isinstance(session, scoped_session):
            session = session()
        if isinstance(session, Session):
            self._write(row, _connection_of(session))
        elif isinstance(session, Connection):
            self._write(row, session)
        elif hasattr(session, "settings_dict") and hasattr(session, "vendor"):
            from .django import write_row  # noqa: PLC0415 - only where Django is in use

            write_row(row, session, self._url, self._account)
        else:
            raise _not_a_session(session)

    async def join_async(self, row: Mapping[str, Any], session: object) -> None:
        """Write a row into a transaction, an async one too.

        Args:
            row: The lead as a row.
            session: As in `join`, or an AsyncSession, async_scoped_session or AsyncConnection.

        Raises:
            FpromConfigError: As in `join`.
            SQLAlchemyError: The database refused.
        """
        # Who hands in an async session has loaded this module, and greenlet, which it needs.
        asyncio = sys.modules.get("sqlalchemy.ext.asyncio")
        if asyncio is not None:
            if isinstance(session, asyncio.async_scoped_session):
                session = session()
            if isinstance(session, asyncio.AsyncSession | asyncio.AsyncConnection):
                await session.run_sync(lambda inner: self.join(row, inner))
                return
        self.join(row, session)

    def _write(self, row: Mapping[str, Any], connection: Connection) -> None:
        check_same_database(self._url, connection.engine.url)
        try:
            self._insert(row, connection)
        except (OperationalError, ProgrammingError):
            if not self._seen:
                raise
            # The tables that were seen went away with a transaction that was rolled back.
            self._seen = False
            self._insert(row, connection)

    def _insert(self, row: Mapping[str, Any], connection: Connection) -> None:
        # A failed statement must not take the caller's transaction with it. On SQLite it does
        # not, and there a savepoint before the first statement would commit on its release.
        sqlite = connection.dialect.name == "sqlite"
        with nullcontext() if sqlite else connection.begin_nested():
            if not self._seen:
                create_tables(connection, self._account)
            connection.execute(insert_lead, row)
        self._seen = True


def check_same_database(ours: URL, theirs: URL) -> None:
    """Refuse a transaction on a database that nobody drains.

    Args:
        ours: FPROM_OUTBOX_URL.
        theirs: What ``session=`` is bound to.

    Raises:
        FpromConfigError: They differ.
    """
    if _place(ours) != _place(theirs):
        msg = (
            f"session= is bound to {mask_url(str(theirs))}, but the outbox is drained from "
            f"{mask_url(str(ours))}: set FPROM_OUTBOX_URL to the database of your users."
        )
        raise FpromConfigError(msg)


def _place(url: URL) -> tuple[object, ...]:
    backend = url.get_backend_name()
    if backend == "sqlite":
        file = (url.database or ":memory:").removeprefix("file:").partition("?")[0]
        return backend, file if file == ":memory:" else str(Path(file).resolve())
    host = str(url.host or url.query.get("host", "")).lower()
    return (
        "mysql" if backend == "mariadb" else backend,
        "" if host in _THIS_HOST or host.startswith("/") else host,
        url.port or _PORTS.get(backend),
        url.database,
    )


def _connection_of(session: Session) -> Connection:
    try:
        return session.connection(bind_arguments={"clause": insert_lead})
    except UnboundExecutionError:
        msg = (
            "session= has a database per model and none of its own: hand in the connection, "
            "session.connection(bind_arguments={'mapper': User})."
        )
        raise FpromConfigError(msg) from None


def _not_a_session(session: object) -> FpromConfigError:
    name = type(session).__name__
    if type(session).__module__.startswith("sqlalchemy.ext.asyncio"):
        return FpromConfigError(f"session= is a {name}: await track_signup_async(...) for it.")
    return FpromConfigError(
        f"session= is a {name}, not a SQLAlchemy Session or Connection (or their async twins), "
        "nor a Django database connection."
    )
