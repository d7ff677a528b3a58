"""The transaction of a SQLAlchemy Session or Connection."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, ProgrammingError, UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from ...database.schema import leads
from ...database.tables import ConnectionTables
from ...errors import FpromConfigError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class SqlalchemyTransaction(ConnectionTables):
    """What a caller's Connection is in."""

    refusals: tuple[type[Exception], ...] = (OperationalError, ProgrammingError)

    @classmethod
    def of(cls, session: object) -> SqlalchemyTransaction:
        """Return the transaction of what a caller handed in.

        Args:
            session: A Session, scoped_session or Connection.

        Returns:
            Its transaction.

        Raises:
            FpromConfigError: It is none of these.
        """
        if isinstance(session, scoped_session):
            session = session()
        if isinstance(session, Session):
            return cls(_connection_of(session))
        if isinstance(session, Connection):
            return cls(session)
        raise _not_a_session(session)

    def savepoint(self) -> AbstractContextManager[object]:
        """Begin a savepoint.

        On SQLite a failed statement takes nothing with it, and a savepoint before the first
        statement would commit on its release.
        """
        if self.connection.dialect.name == "sqlite":
            return nullcontext()
        return self.connection.begin_nested()


def _connection_of(session: Session) -> Connection:
    try:
        return session.connection(bind_arguments={"clause": sa.insert(leads)})
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
