"""What a database refused with: named, and never quoted."""

from __future__ import annotations

import errno
import sqlite3
from typing import Any

import pytest
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from fprom_middleware import FpromConfigError
from fprom_middleware.bounded import SilentError
from fprom_middleware.database.refusal import name_refusal, passes, public_refusal


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OperationalError("SELECT", {}, TimeoutError("canary")), "TimeoutError"),
        (PendingRollbackError("canary"), "PendingRollbackError"),
        (OSError("canary"), "OSError"),
        (PermissionError(errno.EACCES, "Permission denied", "/srv/x"), "Permission denied: /srv/x"),
        (FpromConfigError("Do this and that."), "Do this and that."),
    ],
)
def test_a_refusal_is_told_without_what_it_may_quote(error: Exception, words: str) -> None:
    """The driver's own type; only a mistake in the set-up says what to do."""
    assert name_refusal(error) == words


def sqlite_error(code: int) -> Exception:
    """Return what sqlite3 raises, with its code."""
    error = sqlite3.OperationalError("canary")
    error.sqlite_errorcode = code
    return error


class DriverError(Exception):
    """What a server's driver raises."""

    def __init__(self, *args: Any, sqlstate: Any = None, pgcode: Any = None) -> None:
        super().__init__(*args)
        self.sqlstate = sqlstate
        self.pgcode = pgcode


def of(kind: type[DatabaseError], original: Exception, **more: Any) -> DatabaseError:
    """Return an error as SQLAlchemy wraps it."""
    return kind("INSERT", {}, original, **more)


PASSING = [
    of(OperationalError, sqlite_error(sqlite3.SQLITE_BUSY)),
    of(OperationalError, sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT)),
    of(OperationalError, sqlite_error(sqlite3.SQLITE_LOCKED)),
    of(OperationalError, DriverError("connection refused")),
    of(OperationalError, DriverError()),
    *(
        of(OperationalError, DriverError(sqlstate=state))
        for state in ("08006", "40001", "40P01", "53300", "55P03", "57014", "57P01")
    ),
    of(OperationalError, DriverError(pgcode="57P03")),
    *(of(OperationalError, DriverError(code)) for code in (1040, 1205, 1213, 2003, 2006, 2013)),
    of(OperationalError, DriverError(1205, sqlstate="HY000")),
    of(OperationalError, DriverError(1792), connection_invalidated=True),
    of(InternalError, DriverError("gone"), connection_invalidated=True),
    PoolTimeoutError(),
    SilentError(),
]
REFUSED = [
    of(IntegrityError, sqlite_error(sqlite3.SQLITE_CONSTRAINT)),
    of(IntegrityError, sqlite_error(sqlite3.SQLITE_CONSTRAINT_TRIGGER)),
    *(
        of(OperationalError, sqlite_error(code))
        for code in (
            sqlite3.SQLITE_ERROR,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_TOOBIG,
        )
    ),
    *(of(OperationalError, DriverError(sqlstate=state)) for state in ("53100", "53200", "54000")),
    *(of(OperationalError, DriverError(code)) for code in (1364, 1644, 3819, 4025)),
    of(OperationalError, DriverError(1644, sqlstate="45000")),
    of(DataError, DriverError(sqlstate="22001")),
    of(IntegrityError, DriverError(sqlstate="23514")),
    of(InternalError, DriverError(sqlstate="25006")),
    of(ProgrammingError, DriverError(sqlstate="42P01")),
    PendingRollbackError(),
    PermissionError(),
    ValueError(),
]


@pytest.mark.parametrize("error", PASSING, ids=range(len(PASSING)))
def test_what_is_busy_locked_or_away_is_asked_again(error: Exception) -> None:
    """Of any database and driver."""
    assert passes(error)


@pytest.mark.parametrize("error", REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_is_not_asked_again(error: Exception) -> None:
    """A value, a constraint, a disk, a right: it would only take time."""
    assert not passes(error)


@pytest.mark.parametrize(
    ("error", "text", "sqlstate"),
    [
        (of(IntegrityError, DriverError("canary", sqlstate="23514")), "SQLSTATE 23514", "23514"),
        (of(DataError, DriverError("canary", pgcode="22001")), "SQLSTATE 22001", "22001"),
        (of(DataError, DriverError("canary", sqlstate=7)), "(DriverError)", None),
        (of(OperationalError, sqlite_error(5)), "(OperationalError)", None),
    ],
)
def test_what_leaves_the_package_names_type_and_sqlstate(
    error: Exception, text: str, sqlstate: str | None
) -> None:
    """And quotes nothing."""
    told = public_refusal(error)

    assert text in str(told)
    assert told.sqlstate == sqlstate
    assert "canary" not in str(told)
