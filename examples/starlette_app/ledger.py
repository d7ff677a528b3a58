"""What the payment provider told the shop: one SQLite table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TABLE = """
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY,  -- the provider's, of the charge, the refund or the subscription
    type TEXT NOT NULL,
    email TEXT NOT NULL COLLATE NOCASE,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    manage_url TEXT NOT NULL
)"""
_INSERT = """
INSERT OR IGNORE INTO payments (id, type, email, amount, currency, manage_url)
VALUES (:id, :type, :customer, :amount, :currency, :manage_url)"""


class Ledger:
    """The table of payments.

    Args:
        path: The SQLite file; created where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._connect()) as db, db:
            db.execute(_TABLE)

    def holds(self, payment_id: str) -> bool:
        """Say whether a payment was written down before."""
        with closing(self._connect()) as db:
            found = db.execute("SELECT 1 FROM payments WHERE id = ?", (payment_id,)).fetchone()
        return found is not None

    def add(self, event: Mapping[str, Any]) -> None:
        """Write down an event of the provider's; it is committed when this returns."""
        with closing(self._connect()) as db, db:
            db.execute(_INSERT, dict(event))

    def of(self, email: str) -> list[sqlite3.Row]:
        """Return a customer's payments, oldest first."""
        with closing(self._connect()) as db:
            db.row_factory = sqlite3.Row
            theirs = "SELECT * FROM payments WHERE email = ? ORDER BY rowid"
            return db.execute(theirs, (email,)).fetchall()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)
