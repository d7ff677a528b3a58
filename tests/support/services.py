"""The servers that some tests need, and what happens where one is missing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urlsplit

import pytest

from tests.support.programs import find_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRESQL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/test")

MARIADB = os.environ.get("TEST_MARIADB_URL", "mysql+pymysql://root@127.0.0.1:3306")


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


@contextmanager
def mariadb_database(purpose: str) -> Iterator[str]:
    """Yield the URL of a MariaDB database of this process's own, which is dropped afterwards."""
    import pymysql  # noqa: PLC0415 - only where it is wanted

    name = f"fprom_{purpose}_{os.getpid()}"
    place = urlsplit(MARIADB)
    try:
        server = pymysql.connect(
            host=place.hostname or "127.0.0.1",
            port=place.port or 3306,
            user=place.username,
            password=place.password or "",
            autocommit=True,
            connect_timeout=5,
        )
    except pymysql.OperationalError:
        missing(f"no MariaDB at {MARIADB.rpartition('@')[2]}")
    with server, server.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{MARIADB}/{name}"
        finally:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database as a pooler of transactions hands it on."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing("no pgbouncer")
    place = urlsplit(url)
    port = find_port()
    with tempfile.TemporaryDirectory(prefix="fprom-") as folder:
        settings = Path(folder, "pgbouncer.ini")
        settings.write_text(
            f"""[databases]
* = host={place.hostname} port={place.port} user={place.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
admin_users = postgres
logfile = {folder}/log
"""
        )
        as_other = []
        if os.geteuid() == 0:
            # It refuses to run as root.
            shutil.chown(folder, "postgres")
            as_other = ["runuser", "-u", "postgres", "--"]
        process = subprocess.Popen([*as_other, program, "--quiet", str(settings)])
        try:
            assert eventually(lambda: _listens(port)), Path(folder, "log").read_text()
            yield f"postgresql://{place.username}@127.0.0.1:{port}{place.path}"
        finally:
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
