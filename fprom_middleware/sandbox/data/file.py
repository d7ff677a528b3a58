"""A journal in one SQLite file, which belongs to one sandbox at a time."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..received import Kind
from ..records import Click
from .journal import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAX_ENTRIES: Final = 30_000
MAX_BYTES: Final = 64 * 2**20
"""Of bodies; the oldest tenth goes when there is more."""
APPLICATION_ID: Final = 1_179_669_069
"""``FPRM`` as a number; it stands in the file's header."""
_SET_UP: Final = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA application_id = 1179669069;
CREATE TABLE IF NOT EXISTS entry (
    n INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL,
    more TEXT NOT NULL, aside INTEGER NOT NULL DEFAULT 0
);
DELETE FROM entry WHERE aside;
"""
_CLICK: Final = "click"
BUSY_SECONDS: Final = 0.2
"""Another sandbox holds its file until it ends: waiting longer is of no use."""


class JournalFileError(Exception):
    """The file cannot be used; the text says why, and what to do."""


class JournalFile:
    """A journal in a file. It survives the end of the process; the machine's, perhaps not.

    Args:
        path: The file; where there is none it is made, for its owner alone.
        on_failure: Told once where the disk refuses; then nothing is written any more.
        max_entries: How many are kept.

    Raises:
        JournalFileError: It is another's file, in use, or cannot be made.
    """

    def __init__(
        self, path: Path, on_failure: Callable[[str], None], *, max_entries: int = MAX_ENTRIES
    ) -> None:
        self._on_failure = on_failure
        self._max_entries = max_entries
        self._broken = False
        try:
            _check(path)
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
            self._connection.executescript(_SET_UP)
            found = self._connection.execute("SELECT count(*), total(length(body)) FROM entry")
            self._count, self._bytes = found.fetchone()
        except sqlite3.OperationalError as error:
            msg = f"{path} cannot be used ({error}). Does another sandbox use it?"
            raise JournalFileError(msg) from None
        except (sqlite3.DatabaseError, OSError) as error:
            msg = f"{path} cannot be used: {error}. Name another file."
            raise JournalFileError(msg) from None

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def read(self) -> Iterator[Click | Entry]:
        """Read what is written down.

        Yields:
            Clicks and calls, oldest first.
        """
        rows = self._connection.execute("SELECT kind, at, body, more FROM entry ORDER BY n")
        for kind, at, body, more in rows.fetchall():
            moment, fields = datetime.fromtimestamp(at, UTC), json.loads(more)
            if kind == _CLICK:
                yield Click(created_at=moment, **fields)
            else:
                yield Entry(Kind(kind), moment, body=body, **fields)

    def add(self, entry: Click | Entry) -> None:
        """Write one down.

        Args:
            entry: A click or a call.
        """
        if isinstance(entry, Click):
            fields: dict[str, object] = {"tid": entry.tid, "ref_id": entry.ref_id, "ip": entry.ip}
            kind, at, body = _CLICK, entry.created_at, b""
        else:
            fields = {
                "content_type": entry.content_type,
                "status": entry.status,
                "note": entry.note,
                "account": entry.account,
            }
            kind, at, body = entry.kind.value, entry.at, entry.body
        row = (kind, at.timestamp(), body, json.dumps(fields))
        self._run("INSERT INTO entry (kind, at, body, more) VALUES (?, ?, ?, ?)", row)
        self._count += 1
        self._bytes += len(body)
        if self._count > self._max_entries or self._bytes > MAX_BYTES:
            self._forget_oldest()

    def clear(self) -> None:
        """Set everything aside; what was set aside before is gone."""
        self._run("DELETE FROM entry WHERE aside")
        self._run("UPDATE entry SET aside = 1")

    def restore(self) -> None:
        """Bring back what was set aside."""
        self._run("UPDATE entry SET aside = 0")

    def _forget_oldest(self) -> None:
        self._run(
            "DELETE FROM entry WHERE n < (SELECT n FROM entry ORDER BY n LIMIT 1 OFFSET ?)",
            (self._count // 10,),
        )
        if not self._broken:
            found = self._connection.execute("SELECT count(*), total(length(body)) FROM entry")
            self._count, self._bytes = found.fetchone()

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        if self._broken:
            return
        try:
            self._connection.execute(statement, values)
        except sqlite3.Error as error:
            self._broken = True
            self._on_failure(f"nothing more is written to the data file: {error}")


def _check(path: Path) -> None:
    """Make the file, or see that it is a sandbox's."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if path.stat().st_size == 0:
        return
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        found = connection.execute("PRAGMA application_id").fetchone()[0]
    if found != APPLICATION_ID:
        msg = "it is a database of another program"
        raise sqlite3.DatabaseError(msg)
