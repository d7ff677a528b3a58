"""The outbox's database: pieces of work in transactions, and how patiently they are tried."""

from __future__ import annotations

import logging
import random
import sqlite3
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError

from ..forking import ForkLock
from .engines import DATABASE_PATIENCE_SECONDS, READS, server_engine, sqlite_engine
from .refusal import name_refusal
from .schema import create_tables
from .sqlite_file import FileReplacedError, SqliteFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL, Connection, Engine

T = TypeVar("T")

_LONGEST_NAP_SECONDS: Final = 0.05
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# A mistake in the statement, the table or the file: asking again would only take time.
_HOPELESS: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
    }
)

logger = logging.getLogger(__name__)


class Database:
    """The outbox's engine, and how patiently it is used.

    Args:
        url: What `outbox_url` returned.
        account: Whose row of the shared state there shall be.
    """

    def __init__(self, url: URL, account: str) -> None:
        self.url = url
        self.is_sqlite = url.get_backend_name() == "sqlite"
        self._account = account
        self._file = SqliteFile.of(url)
        self.engine = sqlite_engine(url) if self.is_sqlite else server_engine(url)
        if self._file is not None:
            self._file.watch(self.engine)
        self._reader = self.engine.execution_options(**{READS: True})
        self._ready = False
        self._told_corrupt = False
        self._fork_lock = ForkLock(self.engine.dispose) if self.is_sqlite else nullcontext()

    def run(
        self, work: Callable[[Connection], T], *, patience: float = DATABASE_PATIENCE_SECONDS
    ) -> T:
        """Run a piece of work in one transaction, again while the database is busy or away.

        Args:
            work: Gets a connection inside a transaction; may be called more than once.
            patience: Seconds for which to go on asking.

        Returns:
            What `work` returned, once it is committed.

        Raises:
            SQLAlchemyError: The database refused until the patience was over.
            OSError: The SQLite file cannot be made, or is being replaced.
            FpromConfigError: The tables are of another version.
        """
        return self._patiently(self.engine, work, patience)

    def read(
        self, work: Callable[[Connection], T], *, patience: float = DATABASE_PATIENCE_SECONDS
    ) -> T:
        """Run a piece of work that only reads: it keeps no writer waiting.

        Args:
            work: As in `run`.
            patience: As in `run`.

        Returns:
            What `work` returned.

        Raises:
            SQLAlchemyError: As in `run`, like the others.
            OSError: The SQLite file cannot be made, or is being replaced.
            FpromConfigError: The tables are of another version.
        """
        return self._patiently(self._reader, work, patience)

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        self._ready = False
        self.engine.dispose()

    def _patiently(self, engine: Engine, work: Callable[[Connection], T], patience: float) -> T:
        ends = time.monotonic() + patience
        while True:
            try:
                with self._fork_lock:
                    if not self._ready:
                        self._once(self.engine, lambda made: create_tables(made, self._account))
                        self._ready = True
                    return self._once(engine, work)
            except (SQLAlchemyError, OSError) as error:
                if not self._may_retry(error) or time.monotonic() >= ends:
                    raise
            # A flat jitter: the longest wait so far must not earn the longest sleep.
            time.sleep(random.uniform(0.001, _LONGEST_NAP_SECONDS))  # noqa: S311 - no secret

    def _once(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.connect() as connection:
            if self._file is not None:
                self._file.check(connection)
            with connection.begin():
                answer = work(connection)
            if self._file is not None:
                self._file.check(connection)
            return answer

    def _may_retry(self, error: Exception) -> bool:
        if isinstance(error, FileReplacedError):
            # The next try looks for the tables, and makes the file where it is gone.
            self._ready = False
            return True
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        if self._ready and (isinstance(error, ProgrammingError) or code == sqlite3.SQLITE_ERROR):
            # The tables may have been dropped: the next try looks.
            self._ready = False
            return True
        if code is None:
            return isinstance(error, OperationalError) or (
                isinstance(error, DBAPIError) and error.connection_invalidated
            )
        if code & 0xFF in _CORRUPT:
            self._log_corrupt(error)
            return False
        return code & 0xFF not in _HOPELESS

    def _log_corrupt(self, error: Exception) -> None:
        if not self._told_corrupt:
            self._told_corrupt = True
            logger.critical(
                "The outbox %s cannot be read (%s). It is left as it is, and sign-ups wait in "
                "memory, where they are lost when the process ends. Stop the app, move the file "
                "away with its -wal and -shm, and start again; sqlite3's .recover may get out "
                "what waited in it.",
                self.url.database,
                name_refusal(error),
            )
