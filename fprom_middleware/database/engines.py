"""SQLAlchemy engines as the outbox needs them: durable, discreet, and quick to give up."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

DATABASE_PATIENCE_SECONDS: Final = 1.0
"""For which a database that is locked or away is asked again, and a view waits for it."""
READS: Final = "fprom_reads"
"""The execution option of transactions that only read: they keep no writer waiting."""
_BUSY_MS: Final = 50
_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 10
# libpq knows no connect time-out under 2 s. Milliseconds for the other.
_LIBPQ: Final = {"connect_timeout": _CONNECT_SECONDS, "tcp_user_timeout": _CONNECT_SECONDS * 1000}
_MYSQL: Final = {
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": _READ_SECONDS,
    "write_timeout": _READ_SECONDS,
}
_OPTIONS: Final[dict[str, dict[str, Any]]] = {
    # A prepared statement does not outlive its transaction in a pooler such as PgBouncer.
    "psycopg": {**_LIBPQ, "prepare_threshold": None},
    "psycopg2": _LIBPQ,
    "pymysql": _MYSQL,
    "mysqldb": _MYSQL,
    "mysqlconnector": {"connection_timeout": _CONNECT_SECONDS},
}
_READ_ONLY_STATE: Final = "25006"
_READ_ONLY_CODES: Final = frozenset({1290, 1792, 1836})


def sqlite_engine(url: URL, *, look: bool = False) -> Engine:
    """Make an engine whose commits survive a power cut and whose writers do not starve.

    Args:
        url: Of a SQLite file.
        look: True leaves its journal mode as it is.

    Returns:
        The engine: WAL, synchronous=FULL, every transaction BEGIN IMMEDIATE.
    """
    engine = _discreet_engine(
        url,
        connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False},
        pool_size=5,
        max_overflow=-1,
    )

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: DBAPIConnection, _record: Any) -> None:
        # sqlite3's own handling begins a transaction late, as a reader, and then cannot upgrade.
        connection.isolation_level = None
        # A text that is damaged is found where its row is read, and keeps no other from being so.
        connection.text_factory = _decode
        try:
            _set_up(connection.cursor(), look=look)
        except sqlite3.Error:
            # The pool has not taken it yet, and would leave it open.
            connection.close()
            raise

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS)
        statement = "BEGIN" if reads else "BEGIN IMMEDIATE"
        try:
            # Past SQLAlchemy's own way, which takes ten times as long for a statement so short.
            connection.connection.cursor().execute(statement)
        except sqlite3.DatabaseError as error:
            if _is_read_only(error):
                connection.invalidate()
            busy = isinstance(error, sqlite3.OperationalError)
            kind = sa.exc.OperationalError if busy else sa.exc.DatabaseError
            raise kind(statement, None, error) from error

    sa.event.listen(engine, "handle_error", _drop_read_only)
    return engine


# A claim has to see what others committed while it waited for the account's lock: otherwise it
# would set an event aside whose turn has come. MySQL's transactions see it in any case.
_LEVEL: Final = "READ COMMITTED"
_ISOLATION: Final[dict[str, dict[str, Any]]] = {"postgresql": {"isolation_level": _LEVEL}}
_LIMIT: Final = f"SET LOCAL statement_timeout = {int(DATABASE_PATIENCE_SECONDS * 1000)}"


def server_engine(url: URL) -> Engine:
    """Make an engine for a database server that gives up early rather than block a thread.

    Args:
        url: Of a database server.

    Returns:
        The engine.
    """
    engine = _discreet_engine(
        url,
        connect_args=server_options(url),
        pool_size=5,
        max_overflow=20,
        pool_timeout=DATABASE_PATIENCE_SECONDS,
        pool_recycle=1800,
        **_ISOLATION.get(url.get_backend_name(), {}),
    )
    sa.event.listen(engine, "handle_error", _drop_read_only)
    if url.get_backend_name() == "postgresql":
        if "statement_timeout" not in str(url.query.get("options", "")):
            if url.get_driver_name() == "psycopg":
                sa.event.listen(engine, "connect", _leave_begin_to_us)
                sa.event.listen(engine, "begin", _begin_limited)
            else:
                sa.event.listen(engine, "begin", _limit_statements)
    else:
        sa.event.listen(engine, "connect", _limit_lock_waits)
    return engine


def server_options(url: URL) -> dict[str, Any]:
    """Return what a driver is told beside the URL; what the URL itself says is left to it."""
    options = _OPTIONS.get(url.get_driver_name(), {})
    return {name: value for name, value in options.items() if name not in url.query}


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _set_up(cursor: DBAPICursor, *, look: bool) -> None:
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA journal_mode")
    if cursor.fetchone() != ("wal",) and not look and _may_become_wal(cursor):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _may_become_wal(cursor: DBAPICursor) -> bool:
    # A file with tables of others is an app's own: its journal mode is the app's to choose.
    cursor.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' "
        "AND substr(name, 1, 12) <> 'fprom_outbox' AND substr(name, 1, 7) <> 'sqlite_'"
    )
    if cursor.fetchone() is not None:
        return False
    cursor.execute("PRAGMA database_list")
    # The -shm of a file that was deleted alone may still be in use by those who have that one
    # open. A new file in WAL mode would share it with them; with a rollback journal it does not.
    return not any(file and Path(f"{file}-shm").exists() for _, _, file in cursor.fetchall())


def _drop_read_only(context: ExceptionContext) -> None:
    # The server was demoted, or the file could not be written when it was opened: this connection
    # is of no use any more, a new one may be.
    if _is_read_only(context.original_exception):
        context.is_disconnect = True
        statement: Any = context.execution_context
        # There is none at a COMMIT.
        with suppress(AttributeError):
            # SQLite keeps a file locked for as long as a statement of a connection is open.
            statement.cursor.close()


def _is_read_only(error: BaseException) -> bool:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    code = getattr(error, "errno", None) or next(iter(error.args), None)
    file_code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return (
        state == _READ_ONLY_STATE
        or code in _READ_ONLY_CODES
        or file_code == sqlite3.SQLITE_READONLY
    )


def _leave_begin_to_us(connection: DBAPIConnection, _record: Any) -> None:
    connection.autocommit = True


def _begin_limited(connection: Connection) -> None:
    # One way to the server and back for both: a view waits for each.
    connection.exec_driver_sql(f"BEGIN ISOLATION LEVEL {_LEVEL}; {_LIMIT}")


def _limit_statements(connection: Connection) -> None:
    connection.exec_driver_sql(_LIMIT)


def _limit_lock_waits(connection: DBAPIConnection, _record: Any) -> None:
    seconds = int(DATABASE_PATIENCE_SECONDS)
    cursor = connection.cursor()
    cursor.execute(
        f"SET SESSION innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
    )
    cursor.close()


def _discreet_engine(url: URL, **options: Any) -> Engine:
    engine = sa.create_engine(url, hide_parameters=True, logging_name="fprom", **options)
    # At DEBUG SQLAlchemy logs each row that it reads; hide_parameters says nothing about those.
    logging.getLogger("sqlalchemy.engine.Engine.fprom").addFilter(_no_rows)
    return engine


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
