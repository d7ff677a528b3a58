"""What a database or a disk refused with, named without what it may quote."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import (
    DBAPIError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from ..bounded import SilentError
from ..errors import FpromConfigError, FpromOutboxError

REFUSALS: Final = (SQLAlchemyError, OSError)
"""What a database or a disk raises; anything else is a mistake of the program."""

_BUSY: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA}
)
# Classes of the SQL standard's and PostgreSQL's states: connection, rollback, intervention;
# then single ones: a lock that is not to be had, and too many connections.
_PASSING_CLASSES: Final = frozenset({"08", "40", "57"})
_PASSING_STATES: Final = frozenset({"53300", "55P03"})
# MySQL and MariaDB: too many connections, lock wait, deadlock, shutdown; from 2000 on those of a
# client whose server is away.
_PASSING_NUMBERS: Final = frozenset(
    {1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1927, *range(2000, 3000)}
)


def passes(error: BaseException) -> bool:
    """Say whether asking again may help: the database is busy, locked or away.

    Args:
        error: What a piece of work raised.

    Returns:
        False for what is refused for good: a value, a constraint, a full disk.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeoutError | SilentError)
    original: Any = error.orig
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _BUSY
    if error.connection_invalidated or not isinstance(error, OperationalError):
        return error.connection_invalidated
    number = original.args[0] if original is not None and original.args else None
    if isinstance(number, int):
        # MySQL's. Its drivers may name a state too, but that says HY000 of nearly everything.
        return number in _PASSING_NUMBERS
    state = _sqlstate(original)
    return state is None or state[:2] in _PASSING_CLASSES or state in _PASSING_STATES


def public_refusal(error: BaseException) -> FpromOutboxError:
    """Return an error of ours that says what a database refused with, and quotes nothing."""
    return FpromOutboxError(name_refusal(error), sqlstate=_sqlstate(getattr(error, "orig", None)))


def _sqlstate(original: Any) -> str | None:
    # psycopg and asyncpg, then psycopg2.
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    return state if isinstance(state, str) else None


def name_refusal(error: BaseException) -> str:
    """Name what a database or a disk refused with.

    Args:
        error: What was raised.

    Returns:
        The driver's own type, or the system's own words and the path that they are about; never
        a driver's text, which can quote a row. Only a mistake in the set-up says in words of ours
        what to do.
    """
    if isinstance(error, FpromConfigError | FpromOutboxError):
        return str(error)
    if isinstance(error, OSError):
        words = error.strerror or type(error).__name__
        return f"{words}: {error.filename}" if error.filename else words
    return type(getattr(error, "orig", None) or error).__name__
