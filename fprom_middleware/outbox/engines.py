"""SQLAlchemy engines as the outbox needs them: durable, discreet, and quick to give up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

PATIENCE: Final = 1.0
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
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READS)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


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
        pool_timeout=PATIENCE,
        pool_recycle=1800,
    )
    if url.get_backend_name() == "postgresql":

        @sa.event.listens_for(engine, "begin")
        def _begun(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(PATIENCE * 1000)}")

    return engine


def _discreet_engine(url: URL, **options: Any) -> Engine:
    engine = sa.create_engine(url, hide_parameters=True, logging_name="fprom", **options)
    # At DEBUG SQLAlchemy logs each row that it reads; hide_parameters says nothing about those.
    logging.getLogger("sqlalchemy.engine.Engine.fprom").addFilter(_no_rows)
    return engine


def _no_rows(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
