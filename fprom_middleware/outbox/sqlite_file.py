"""The outbox's SQLite file: made for this user alone, and known again by its identity.

SQLite goes on writing into a file that was deleted or replaced under it. Each connection
therefore remembers which file it has opened; what it commits counts only while the path still
names that file. Nothing here moves, renames, truncates or deletes a file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Dialect, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    Identity = tuple[int, int]

_IDENTITY: Final = "fprom_file"


class FileReplacedError(OSError):
    """The path names another file than the one that a connection has open."""


class SqliteFile:
    """The file at a path, whichever it is at the moment.

    Args:
        path: Absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, url: URL) -> SqliteFile | None:
        """Return the file that a URL names, None for a server or an SQLite URI.

        An SQLite URI names its file in ways of its own: it is left to SQLite alone.
        """
        name = url.database if url.get_backend_name() == "sqlite" else None
        return cls(Path(name)) if name and not name.startswith("file:") else None

    def watch(self, engine: Engine) -> None:
        """Let an engine's connections make the file and remember its identity."""

        @sa.event.listens_for(engine, "do_connect")
        def _connect(
            dialect: Dialect,
            record: ConnectionPoolEntry,
            args: list[str],
            kwargs: dict[str, object],
        ) -> DBAPIConnection:
            identity = self._make()
            connection = dialect.connect(*args, **kwargs)
            # While it is open its inode is not given to another file.
            if self._identity() != identity:
                connection.close()
                raise _replaced()
            record.info[_IDENTITY] = identity
            return connection

    def check(self, connection: Connection) -> None:
        """Drop a connection whose file is not at the path any more.

        Args:
            connection: Outside a transaction.

        Raises:
            FileReplacedError: What it committed last went with its file.
        """
        if self._identity() != connection.info[_IDENTITY]:
            connection.invalidate()
            raise _replaced()

    def _make(self) -> Identity | None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here so that no other user can read it even for a moment; -wal and -shm follow it.
        # Never opened where it exists: closing it again would drop every lock that this process
        # holds on it, the app's own connections' too.
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        return self._identity()

    def _identity(self) -> Identity | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _replaced() -> FileReplacedError:
    return FileReplacedError("the outbox file was deleted or replaced")
