"""The outbox's database: pieces of work in transactions, and how patiently they are tried."""

from __future__ import annotations

import logging
import os
import random
import socket
import sqlite3
import time
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from ..bounded import BoundedCalls
from ..errors import FpromError
from ..forking import ForkLock
from ..masking import mask_url
from .engines import DATABASE_PATIENCE_SECONDS, READS, server_engine, sqlite_engine
from .refusal import passes
from .sqlite_file import FileReplacedError, SqliteFile
from .statements import backend_of
from .tables import ConnectionTables, are_there, prepare_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Connection, Engine

    from ..bounded import Call

T = TypeVar("T")

_LONGEST_NAP_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 0.2
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CLOSED: Final = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_CANTOPEN}
)

logger: logging.Logger = logging.getLogger(__name__)


class NoOutboxError(FpromError):
    """There is no outbox yet, and a look does not make one."""


class Database:
    """The outbox's engine, and how patiently it is used.

    Args:
        url: What `outbox_url` returned.
        account: Whose row of the shared state there shall be.
        look: True makes neither file, folder nor tables: where they are missing, `run` and
            `read` raise `NoOutboxError`.
    """

    def __init__(self, url: URL, account: str, *, look: bool = False) -> None:
        self.url = url
        self.backend: str = backend_of(url.get_dialect()())
        self.is_sqlite: bool = self.backend == "sqlite"
        # An SQLite URI may say more than a path.
        self.file_name: str = (url.database or "").removeprefix("file:").partition("?")[0]
        self._account = account
        self._look = look
        self._file = SqliteFile.of(url, look=look)
        self.engine: Engine = (
            sqlite_engine(url, look=look) if self.is_sqlite else server_engine(url)
        )
        if self._file is not None:
            self._file.watch(self.engine)
        self._reader = self.engine.execution_options(**{READS: True})
        self._identity: str | None = None
        self._told: set[int] = set()
        self._fork_lock = ForkLock(self.engine.dispose) if self.is_sqlite else nullcontext()
        # A file does not fall silent; a server does, and no driver's time-out covers it all.
        self._calls = None if self.is_sqlite else BoundedCalls("fprom-database")

    def run(
        self,
        work: Callable[[Connection], T],
        *,
        patience: float = DATABASE_PATIENCE_SECONDS,
        bound: float = DATABASE_PATIENCE_SECONDS,
    ) -> T:
        """Run a piece of work in one transaction, again while the database is busy or away.

        Args:
            work: Gets a connection inside a transaction; may be called more than once.
            patience: Seconds for which to go on asking.
            bound: Seconds for which to wait for a server's answer, and for that of an earlier
                call, where that is longer.

        Returns:
            What `work` returned, once it is committed.

        Raises:
            SQLAlchemyError: The database refused until the patience was over.
            OSError: The SQLite file cannot be made, or is being replaced; or a server does not
                answer.
            FpromConfigError: The tables are of another version.
            NoOutboxError: There is nothing to look at.
        """
        return self._bounded(self.engine, work, patience, bound)

    def read(
        self,
        work: Callable[[Connection], T],
        *,
        patience: float = DATABASE_PATIENCE_SECONDS,
        bound: float = DATABASE_PATIENCE_SECONDS,
    ) -> T:
        """Run a piece of work that only reads: it keeps no writer waiting.

        Args:
            work: As in `run`.
            patience: As in `run`.
            bound: As in `run`.

        Returns:
            What `work` returned.

        Raises:
            SQLAlchemyError: As in `run`, like the others.
            OSError: As in `run`.
            FpromConfigError: The tables are of another version.
            NoOutboxError: There is nothing to look at.
        """
        return self._bounded(self._reader, work, patience, bound)

    @property
    def place(self) -> str:
        """Where it is, fit to be shown: an absolute path, or a server without its password."""
        return self.file_name if self.is_sqlite else mask_url(str(self.url))

    def identity(self, *, fresh: bool = False) -> str:
        """Return which outbox this is, as its tables say.

        Args:
            fresh: True asks again, where they may have been made anew.

        Raises:
            SQLAlchemyError: As in `run`, like the others.
            OSError: As in `run`.
            FpromConfigError: The tables are of another version.
        """
        if fresh:
            self._identity = None
        if self._identity is None:
            self.read(lambda _connection: None)
        return self._identity or ""

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        self._identity = None
        self.engine.dispose()
        if self._calls is not None:
            self._calls.close()

    def _bounded(
        self,
        engine: Engine,
        work: Callable[[Connection], T],
        patience: float,
        bound: float,
    ) -> T:
        if self._look and self._file is not None and not self._file.path.exists():
            raise _no_outbox(self.place)
        if self._calls is None:
            return self._patiently(engine, work, patience)
        waits = 0.0 if bound <= DATABASE_PATIENCE_SECONDS else bound
        return self._calls.call(
            # What the server refuses is to be told before its answer counts as missing.
            lambda call: self._patiently(engine, work, patience - _ANSWER_SECONDS, call),
            seconds=max(patience, bound),
            give_way=waits if patience <= DATABASE_PATIENCE_SECONDS else None,
        )

    def _patiently(
        self,
        engine: Engine,
        work: Callable[[Connection], T],
        patience: float,
        call: Call | None = None,
    ) -> T:
        ends, looked = time.monotonic() + patience, False
        while True:
            try:
                with self._fork_lock:
                    if self._identity is None:
                        self._identity = self._once(self.engine, self._prepare, call)
                    return self._once(engine, work, call)
            except (SQLAlchemyError, OSError) as error:
                may_look = self._identity is not None and not looked
                if may_look and self._may_be_dropped(error):
                    # The next try makes what is missing.
                    self._identity, looked = None, True
                elif not self._may_pass(error) or time.monotonic() >= ends:
                    raise
            # A flat jitter: the longest wait so far must not earn the longest sleep.
            time.sleep(random.uniform(0.001, _LONGEST_NAP_SECONDS))  # noqa: S311 - no secret

    def _once(self, engine: Engine, work: Callable[[Connection], T], call: Call | None) -> T:
        pool = engine.pool
        with engine.connect() as connection, _breakable(connection, call):
            try:
                with connection.begin():
                    answer = work(connection)
                if self._file is not None:
                    # What went into a file that was deleted counts for nothing.
                    self._file.check(connection)
                return answer
            finally:
                if engine.pool is not pool:
                    # Closed meanwhile: no pool is left that would close this one.
                    connection.invalidate()

    def _prepare(self, connection: Connection) -> str:
        tables = ConnectionTables(connection)
        if not self._look:
            return prepare_tables(tables, self._account)
        if not are_there(tables):
            raise _no_outbox(self.place)
        return ""

    def _may_be_dropped(self, error: Exception) -> bool:
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        return (
            isinstance(error, ProgrammingError | FileReplacedError) or code == sqlite3.SQLITE_ERROR
        )

    def _may_pass(self, error: Exception) -> bool:
        if isinstance(error, FileReplacedError):
            self._identity = None
            return True
        cause = getattr(error, "orig", None)
        code = getattr(cause, "sqlite_errorcode", None)
        if code is not None:
            self._tell(code & 0xFF, cause)
        return passes(error)

    def _tell(self, code: int, cause: Any) -> None:
        if code in self._told or code not in _CORRUPT | _CLOSED:
            return
        self._told.add(code)
        name = cause.sqlite_errorname
        if code in _CLOSED:
            logger.error(
                "The outbox %s cannot be written (%s): see that the user of this process may "
                "write the file, its -wal and -shm, and its folder.",
                self.url.database,
                name,
            )
            return
        logger.critical(
            "The outbox %s cannot be read (%s). It is left as it is, and events wait in "
            "memory, where they are lost when the process ends. Stop the app, move the file "
            "away with its -wal and -shm, and start again; sqlite3's .recover may get out what "
            "waited in it.",
            self.url.database,
            name,
        )


@contextmanager
def _breakable(connection: Connection, call: Call | None) -> Iterator[None]:
    """Let a call that was left be broken off by shutting its connection's socket."""
    if call is None:
        yield
        return
    driver = connection.connection.dbapi_connection
    call.breaker = lambda: _shut(driver)
    try:
        yield
    finally:
        call.breaker = None


def _shut(driver: Any) -> None:
    # pymysql keeps its socket to itself.
    fileno = getattr(driver, "fileno", None) or getattr(
        getattr(driver, "_sock", None), "fileno", None
    )
    with suppress(Exception):
        if fileno is not None:
            with socket.socket(fileno=os.dup(fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)


def _no_outbox(place: str) -> NoOutboxError:
    return NoOutboxError(f"there is no outbox yet at {place}")
