"""The durable queue: put, claim, settle, in SQLite, PostgreSQL, MariaDB or MySQL.

Start reading in `store`: one row an event, claimed by a lease and settled by what the drain has
decided. `retry` and `throttle` are those decisions, pure; `transactions` writes into one of the
caller's own. `metadata` is there for migrations.

May import: the types of `api.protocol`, events, the database, settings, the leaves and
SQLAlchemy. Knows no HTTP client; only `transactions.django` sees Django, late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..database.schema import metadata as metadata

__all__ = ["metadata"]


def __getattr__(name: str) -> Any:
    """Load the tables' definition, and with it SQLAlchemy, at first use."""
    if name == "metadata":
        from ..database.schema import metadata  # noqa: PLC0415 - most of this room's files need no SQLAlchemy

        return metadata
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
