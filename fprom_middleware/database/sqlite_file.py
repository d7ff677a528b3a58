"""The outbox's SQLite file: made for this user alone, and known again by its identity.

SQLite goes on writing into a file that was deleted or replaced under it. Each connection
therefore remembers which file it has opened; what it commits counts only while the path still
names that file. Nothing here moves, renames, truncates or deletes a file, and what is made as
root belongs to the owner of the folder that it is made in.
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import stat
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

logger: logging.Logger = logging.getLogger(__name__)

_told: set[Path] = set()


class FileReplacedError(OSError):
    """The path names another file than the one that a connection has open."""


class SqliteFile:
    """The file at a path, whichever it is at the moment.

    Args:
        path: Absolute.
    """

    def __init__(self, path: Path, *, look: bool = False) -> None:
        self.path = path
        self._name = str(path)
        self._look = look

    @classmethod
    def of(cls, url: URL, *, look: bool = False) -> SqliteFile | None:
        """Return the file that a URL names, None for a server or an SQLite URI.

        An SQLite URI names its file in ways of its own: it is left to SQLite alone.

        Args:
            url: Of the outbox.
            look: True makes nothing.
        """
        name = url.database if url.get_backend_name() == "sqlite" else None
        return cls(Path(name), look=look) if name and not name.startswith("file:") else None

    def watch(self, engine: Engine) -> None:
        """Let an engine's connections make the file and remember its identity."""

        @sa.event.listens_for(engine, "do_connect")
        def _connect(
            dialect: Dialect,
            record: ConnectionPoolEntry,
            args: list[str],
            kwargs: dict[str, object],
        ) -> DBAPIConnection:
            if not self._look:
                self._make()
            identity = self._identity()
            # Made above or not at all: SQLite would follow a link, and know nothing of owners.
            args[0], kwargs["uri"] = f"{self.path.as_uri()}?mode=rw", True
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

    def _make(self) -> None:
        _make_folder(self.path.parent)
        # Made here so that no other user can read it even for a moment; -wal and -shm follow it.
        # Never opened where it exists: closing it again would drop every lock that this process
        # holds on it, the app's own connections' too.
        try:
            made = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if not self.path.exists():
                msg = "is a link to a file that does not exist, and links are not followed"
                raise OSError(errno.ELOOP, msg, str(self.path)) from None
        else:
            _give_away(made, self.path.parent)
            os.close(made)
        for path in {self.path, self.path.parent} - _told:
            _told.add(path)
            _warn_of_writers(path)

    def _identity(self) -> Identity | None:
        try:
            # Asked in each transaction: Path.stat() takes twice as long.
            found = os.stat(self._name)  # noqa: PTH116 - as above
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _make_folder(folder: Path) -> None:
    if folder.exists():
        return
    _make_folders(folder)
    with suppress(FileExistsError):
        ignore = folder / ".gitignore"
        made = os.open(ignore, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        _give_away(made, folder)
        with os.fdopen(made, "w") as file:
            file.write("*\n")


def _make_folders(folder: Path) -> None:
    if not folder.exists():
        _make_folders(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            _give_away(folder, folder.parent)


def _give_away(made: int | Path, folder: Path) -> None:
    """Let what root has made belong to the folder's owner, whose app is to use it."""
    if os.name == "posix" and os.geteuid() == 0:
        owner = folder.stat()
        if isinstance(made, int):
            os.chown(made, owner.st_uid, owner.st_gid)
        else:
            os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _warn_of_writers(path: Path) -> None:
    mode = path.stat().st_mode
    if os.name != "posix" or not mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    remedy = f"run: chmod go-w {shlex.quote(str(path))}"
    if mode & stat.S_ISVTX:
        # Such as /tmp, which is meant to be everyone's.
        remedy = "give the outbox a folder of its own (FPROM_OUTBOX_URL)"
    logger.warning("Other users can write %s, where the outbox is: %s", path, remedy)


def _replaced() -> FileReplacedError:
    return FileReplacedError("the outbox file was deleted or replaced")
