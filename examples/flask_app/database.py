"""The shop's database: customers, those who have yet to confirm, and what the provider told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

if TYPE_CHECKING:
    from pathlib import Path

metadata = sa.MetaData()
users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.Text(collation="NOCASE"), nullable=False, unique=True),
    sa.Column("password", sa.Text, nullable=False),
)
held = sa.Table(
    "held",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
)
payments = sa.Table(
    "payments",
    metadata,
    # The provider's id of the charge, the refund or the subscription.
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("email", sa.Text(collation="NOCASE"), nullable=False),
    sa.Column("amount", sa.Integer, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("manage_url", sa.Text, nullable=False),
)


def open_database(path: Path) -> sa.Engine:
    """Open the file, with the tables in it.

    Args:
        path: The SQLite file; created where there is none.
    """
    # A connection each time: a pool would take its own across the fork of a server's workers.
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
    with engine.begin() as db:
        for table in metadata.sorted_tables:
            db.execute(CreateTable(table, if_not_exists=True))
    return engine
