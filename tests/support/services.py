"""The servers that some tests need, and what happens where one is missing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/test")


def missing(what: str) -> NoReturn:
    """Skip for want of a service; fail where TEST_REQUIRE_SERVICES=1 says that it must be there."""
    if os.environ.get("TEST_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{what}, and TEST_REQUIRE_SERVICES=1")
    pytest.skip(what)


@contextmanager
def postgresql_database(purpose: str) -> Iterator[str]:
    """Yield the URL of a database of this process's own, which is dropped afterwards."""
    import psycopg  # noqa: PLC0415 - only where it is wanted

    name = f"fprom_{purpose}_{os.getpid()}"
    try:
        server = psycopg.connect(POSTGRESQL, autocommit=True, connect_timeout=5)
    except psycopg.OperationalError:
        missing(f"no PostgreSQL at {POSTGRESQL.rpartition('@')[2]}")
    with server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        server.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{POSTGRESQL.rpartition('/')[0]}/{name}"
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())
