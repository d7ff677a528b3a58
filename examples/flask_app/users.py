"""The shop's customers: one SQLite table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from werkzeug.security import generate_password_hash

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL
)"""


class EmailTaken(Exception):  # noqa: N818 - an answer to the visitor, not an error
    """There is an account with this e-mail address."""


class Users:
    """The table of accounts.

    Args:
        path: The SQLite file; created where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as db, db:
            db.execute(_TABLE)

    def add(self, email: str, password: str) -> None:
        """Create an account; it is committed when this returns.

        Args:
            email: A valid e-mail address.
            password: The password in clear; only its hash is kept.

        Raises:
            EmailTaken: The address has an account.
        """
        row = (email, generate_password_hash(password))
        try:
            with closing(self._connect()) as db, db:
                db.execute("INSERT INTO users (email, password) VALUES (?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise EmailTaken from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)
