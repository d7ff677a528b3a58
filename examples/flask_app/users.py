"""The shop's customers: one SQLite table, and one of those who have yet to confirm."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from werkzeug.security import generate_password_hash

if TYPE_CHECKING:
    from pathlib import Path

_TABLES = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS held (
    code TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    password TEXT NOT NULL
)"""
_INSERT = "INSERT INTO users (email, password) VALUES (?, ?)"


class EmailTaken(Exception):  # noqa: N818 - an answer to the visitor, not an error
    """There is an account with this e-mail address."""


class UnknownCode(Exception):  # noqa: N818 - an answer to the visitor, not an error
    """No registration waits for this code."""


class Users:
    """The table of accounts.

    Args:
        path: The SQLite file; created where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as db, db:
            db.executescript(_TABLES)

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
                db.execute(_INSERT, row)
        except sqlite3.IntegrityError as error:
            raise EmailTaken from error

    def hold(self, email: str, password: str) -> str:
        """Remember what an account will be made of.

        Args:
            email: A valid e-mail address.
            password: The password in clear; only its hash is kept.

        Returns:
            The code that `confirm` takes.
        """
        code = secrets.token_urlsafe(16)
        row = (code, email, generate_password_hash(password))
        with closing(self._connect()) as db, db:
            db.execute("INSERT INTO held (code, email, password) VALUES (?, ?, ?)", row)
        return code

    def confirm(self, code: str) -> str:
        """Create the account that was held; it is committed when this returns.

        Args:
            code: What `hold` returned.

        Returns:
            Its e-mail address.

        Raises:
            UnknownCode: Nothing is held under this code.
            EmailTaken: The address has an account by now.
        """
        taking = "DELETE FROM held WHERE code = ? RETURNING email, password"
        try:
            with closing(self._connect()) as db, db:
                row = db.execute(taking, (code,)).fetchone()
                if row is None:
                    raise UnknownCode
                db.execute(_INSERT, row)
        except sqlite3.IntegrityError as error:
            raise EmailTaken from error
        email: str = row[0]
        return email

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)
