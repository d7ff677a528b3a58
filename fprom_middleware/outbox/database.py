"""The outbox's database: one engine a process, opened at first use."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import (
    DBAPIError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from ..errors import FpromConfigError
from ..forking import ForkLock
from ..masking import mask_url
from .engines import PATIENCE, READS, server_engine, sqlite_engine
from .schema import create_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL, Connection, Engine

T = TypeVar("T")

_LONGEST_NAP: Final = 0.05
_DRIVERS: Final = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS: Final = {"psycopg": "postgresql"}
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


def outbox_url(text: str) -> URL:
    """Read FPROM_OUTBOX_URL and see that its driver is there.

    Args:
        text: An SQLAlchemy URL; ``postgres://`` and ``postgresql://`` mean psycopg 3.

    Returns:
        The URL, a SQLite file's path made absolute.

    Raises:
        FpromConfigError: An unknown scheme, a missing driver, or a database in memory.
    """
    key = "FPROM_OUTBOX_URL"
    try:
        url = sa.make_url(text)
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        url.get_dialect().import_dbapi()
    except ImportError as error:
        driver = error.name or "its driver"
        extra = _EXTRAS.get(driver.partition(".")[0])
        hint = f'"fprom-middleware[{extra}]"' if extra else driver
        msg = f"{mask_url(text)} needs a driver that is not installed: pip install {hint}"
        raise FpromConfigError(msg, key=key) from None
    except (NoSuchModuleError, SQLAlchemyError, ValueError):
        msg = (
            f"{mask_url(text)} is no database that SQLAlchemy knows. "
            f"Right would be: {key}=postgresql://user@host/database"
        )
        raise FpromConfigError(msg, key=key) from None
    if url.get_dialect().is_async:
        msg = (
            f"{mask_url(text)} has an async driver, and the outbox is written by threads. "
            f"Right would be: {key}={url.get_backend_name()}:// and the rest as it is; session= "
            "takes the async driver's sessions all the same"
        )
        raise FpromConfigError(msg, key=key)
    if url.get_backend_name() == "sqlite":
        if not url.database or ":memory:" in url.database or "mode=memory" in text:
            msg = (
                "a database in memory keeps nothing. "
                f"Right would be: {key}=sqlite:///.fprom/outbox.db (or FPROM_DELIVERY=inline)"
            )
            raise FpromConfigError(msg, key=key)
        if not url.database.startswith("file:"):
            url = url.set(database=str(Path(url.database).absolute()))
    return url


@dataclass(frozen=True, slots=True)
class _Held:
    pid: int
    engine: Engine
    reader: Engine


class Database:
    """The outbox's engine, and how patiently it is used.

    Args:
        url: What `outbox_url` returned.
        account: Whose row of the shared state there shall be.
    """

    def __init__(self, url: URL, account: str) -> None:
        self.url = url
        self._account = account
        self.is_sqlite = url.get_backend_name() == "sqlite"
        file = url.database if self.is_sqlite else None
        # An SQLite URI names its file in ways of its own: it is left to SQLite alone.
        self._path = Path(file) if file and not file.startswith("file:") else None
        self._lock = threading.RLock()
        self._held: _Held | None = None
        self._inode: tuple[int, int] | None = None
        self._ready = False
        self._fork_lock = ForkLock(self._close_for_fork) if self.is_sqlite else nullcontext()

    def run(self, work: Callable[[Connection], T], *, patience: float = PATIENCE) -> T:
        """Run a piece of work in one transaction, again while the database is busy or away.

        Args:
            work: Gets a connection inside a transaction; may be called more than once.
            patience: Seconds for which to go on asking.

        Returns:
            What `work` returned, once it is committed.

        Raises:
            SQLAlchemyError: The database refused until the patience was over.
            OSError: The SQLite file's folder cannot be made.
            FpromConfigError: The tables are of another version.
        """
        return self._patiently(lambda: self._once(work, read=False), patience)

    def read(self, work: Callable[[Connection], T], *, patience: float = PATIENCE) -> T:
        """Run a piece of work that only reads: it keeps no writer waiting.

        Args:
            work: As in `run`.
            patience: As in `run`.

        Returns:
            What `work` returned.

        Raises:
            SQLAlchemyError: As in `run`, like the others.
            OSError: The SQLite file's folder cannot be made.
            FpromConfigError: The tables are of another version.
        """
        return self._patiently(lambda: self._once(work, read=True), patience)

    def _patiently(self, once: Callable[[], T], patience: float) -> T:
        ends = time.monotonic() + patience
        while True:
            try:
                answer = once()
            except (SQLAlchemyError, OSError) as error:
                if not self._may_retry(error) or time.monotonic() >= ends:
                    raise
            else:
                # A file that was deleted meanwhile took the commit with it.
                if not self._file_changed():
                    return answer
                if time.monotonic() >= ends:
                    msg = "the outbox file is being replaced"
                    raise OSError(msg)
                self.close()
            # A flat jitter: whoever waits longest must not sleep longest.
            time.sleep(random.uniform(0.001, _LONGEST_NAP))  # noqa: S311 - no secret

    def close(self) -> None:
        """Close this process's connections."""
        with self._lock:
            held, self._held, self._ready = self._held, None, False
            if held is not None:
                # A child drops what it inherited without a word to its parent's server.
                held.engine.dispose(close=held.pid == os.getpid())

    def _once(self, work: Callable[[Connection], T], *, read: bool) -> T:
        with self._fork_lock:
            if self._file_changed():
                self.close()
            held = self._open()
            if not self._ready:
                with held.engine.begin() as connection:
                    create_tables(connection, self._account)
                self._ready = True
            with (held.reader if read else held.engine).begin() as connection:
                return work(connection)

    def _close_for_fork(self) -> None:
        # The engine itself stays, and connects anew.
        held = self._held
        if held is not None and held.pid == os.getpid():
            held.engine.dispose()

    def _open(self) -> _Held:
        held = self._held
        if held is not None and held.pid == os.getpid():
            return held
        with self._lock:
            held = self._held
            if held is None or held.pid != os.getpid():
                self.close()
                if self.is_sqlite:
                    self._make_file()
                engine = sqlite_engine(self.url) if self.is_sqlite else server_engine(self.url)
                reader = engine.execution_options(**{READS: True})
                self._held = held = _Held(os.getpid(), engine, reader)
            return held

    def _make_file(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        orphans = [part for part in _parts(self._path)[1:] if part.exists()]
        if orphans and not self._path.exists():
            # Somebody deleted the file alone: SQLite could not open a new one beside its rest.
            with _exclusive(_beside(self._path, ".lock")):
                if not self._path.exists():
                    for part in orphans:
                        part.unlink(missing_ok=True)
                    _create(self._path)
        _create(self._path)
        self._inode = _identity(self._path)

    def _file_changed(self) -> bool:
        if self._inode is None or self._path is None or self._held is None:
            return False
        return _identity(self._path) != self._inode

    def _may_retry(self, error: Exception) -> bool:
        code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
        if self._ready and (isinstance(error, ProgrammingError) or code == sqlite3.SQLITE_ERROR):
            # Somebody may have dropped the tables: the next try looks.
            self._ready = False
            return True
        if code is not None:
            if code & 0xFF in _CORRUPT:
                return self._set_aside()
            return code & 0xFF not in _HOPELESS
        return isinstance(error, OperationalError) or (
            isinstance(error, DBAPIError) and error.connection_invalidated
        )

    def _set_aside(self) -> bool:
        """Move a corrupt file out of the way; True where a new one can take its place."""
        path = self._path
        if path is None:
            return False
        with _exclusive(_beside(path, ".lock")):
            self.close()
            # Another process may have done it while this one waited.
            if not _is_corrupt(path):
                return True
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
            aside = _beside(path, f".corrupt-{stamp}")
            for part, target in zip(_parts(path), _parts(aside), strict=True):
                if part.exists():
                    part.rename(target)
        logger.critical(
            "The outbox %s is corrupt. It was set aside as %s.corrupt-%s and a new one begun; "
            "leads that waited in it may be recovered with sqlite3's .recover.",
            path,
            path.name,
            stamp,
        )
        return True


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _parts(path: Path) -> list[Path]:
    return [_beside(path, suffix) for suffix in ("", "-wal", "-shm")]


def _create(path: Path) -> None:
    # Made here so that nobody else can read it even for a moment; -wal and -shm follow it.
    # Never opened where it exists: closing it again would drop every lock that this process
    # holds on it, the app's own connections' too.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _is_corrupt(path: Path) -> bool:
    try:
        # rw: a file that is gone shall not come back by looking at it.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            answer: tuple[str] = connection.execute("PRAGMA quick_check(1)").fetchone()
            return answer != ("ok",)
    except sqlite3.DatabaseError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT
