"""The transaction of a SQLAlchemy Session or Connection."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError, ProgrammingError, UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session

from ...errors import FpromConfigError
from ..schema import create_tables
from ..store import insert_lead

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from sqlalchemy.engine import URL


class SqlalchemyTransaction:
    """What a Connection is in.

    Args:
        connection: The caller's.
    """

    refusals: tuple[type[Exception], ...] = (OperationalError, ProgrammingError)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url: URL = connection.engine.url

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
        if self._connection.dialect.name == "sqlite":
            return nullcontext()
        return self._connection.begin_nested()

    def create_tables(self, account: str) -> None:
        """Create what is missing."""
        create_tables(self._connection, account)

    def insert(self, row: Mapping[str, Any]) -> None:
        """Write a row."""
        self._connection.execute(insert_lead, row)


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
