"""SQLAlchemy engines as the outbox needs them: durable, discreet, and quick to give up."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor

DATABASE_PATIENCE_SECONDS: Final = 1.0
"""Seconds for which a database that is locked or away is asked again."""
READS: Final = "fprom_reads"
"""The execution option of transactions that only read: they keep no writer waiting."""
_BUSY_MS: Final = 50


def sqlite_engine(url: URL) -> Engine:
    """Make an engine whose commits survive a power cut and whose writers do not starve.

    Args:
        url: Of a SQLite file.

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
        try:
            _set_up(connection.cursor())
        except sqlite3.Error:
            # The pool has not taken it yet, and would leave it open.
            connection.close()
            raise

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _set_up(cursor: DBAPICursor) -> None:
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA journal_mode")
    if cursor.fetchone() != ("wal",) and _may_become_wal(cursor):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.close()


def _may_become_wal(cursor: DBAPICursor) -> bool:
    # A file with tables of others is an app's own: its journal mode is the app's to choose.
    cursor.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' "
        "AND name NOT LIKE 'fprom\\_outbox%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    if cursor.fetchone() is not None:
        return False
    cursor.execute("PRAGMA database_list")
    # The -shm of a file that was deleted alone may still be in use by those who have that one
    # open. A new file in WAL mode would share it with them; with a rollback journal it does not.
    return not any(file and Path(f"{file}-shm").exists() for _, _, file in cursor.fetchall())


def server_engine(url: URL) -> Engine:
    """Make an engine for a database server that gives up early rather than block a view.

    Args:
        url: Of a database server.

    Returns:
        The engine.
    """
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql" and url.get_driver_name() == "psycopg":
        # libpq knows no connect time-out under 2 s. Milliseconds for the other.
        arguments = {"connect_timeout": 2, "tcp_user_timeout": 2000}
    engine = _discreet_engine(
        url,
        connect_args=arguments,
        pool_size=5,
        max_overflow=20,
        pool_timeout=DATABASE_PATIENCE_SECONDS,
        pool_recycle=1800,
    )
    if url.get_backend_name() == "postgresql":

        @sa.event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            connection.exec_driver_sql(
                f"SET LOCAL statement_timeout = {int(DATABASE_PATIENCE_SECONDS * 1000)}"
            )

    return engine


def _discreet_engine(url: URL, **options: Any) -> Engine:
    engine = sa.create_engine(url, hide_parameters=True, logging_name="fprom", **options)
    # At DEBUG SQLAlchemy logs each row that it reads; hide_parameters says nothing about those.
    logging.getLogger("sqlalchemy.engine.Engine.fprom").addFilter(_no_rows)
    return engine


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
