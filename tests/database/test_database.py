"""The outbox's database: which ones are taken, and how patiently it is used."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)

from fprom_middleware.bounded import SilentError
from fprom_middleware.database.database import Database, _shut
from fprom_middleware.database.engines import DATABASE_PATIENCE_SECONDS
from fprom_middleware.database.schema import leads
from fprom_middleware.database.sqlite_file import FileReplacedError
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT
from tests.support.clock import START
from tests.support.leads import make_lead, make_leads, put_leads
from tests.support.programs import run_program, start_program
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from fprom_middleware.outbox.store import Outbox
    from tests.support.fixtures import MakeOutbox

PASSWORD = "p4ss-w0rd"


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database and close it again."""
    database = Database(outbox_url(url), ACCOUNT)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def locked(path: Path, *, patience: float = 5.0) -> Iterator[sqlite3.Connection]:
    """Hold SQLite's write lock from a connection of its own."""
    holder = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    with closing(holder):
        holder.execute("BEGIN IMMEDIATE")
        yield holder


def count(connection: Connection) -> int:
    """Count the leads."""
    return connection.scalar(sa.select(sa.func.count()).select_from(leads)) or 0


def add(connection: Connection) -> None:
    """Write a row."""
    connection.execute(
        sa.insert(leads).values(account=ACCOUNT, due_at=START, queued_at=START, payload="{}")
    )


def pragma(database: Database, name: str) -> object:
    """Ask a connection of the engine for a setting."""
    return database.run(lambda connection: connection.exec_driver_sql(f"PRAGMA {name}").scalar())


# The SQLite file


def test_a_relative_path_stays_where_it_was_at_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An app that changes its directory keeps its outbox."""
    monkeypatch.chdir(tmp_path)
    with opened("sqlite:///.fprom/outbox.db") as database:
        monkeypatch.chdir("/")
        database.run(add)

    assert (tmp_path / ".fprom" / "outbox.db").exists()


def test_the_folder_and_the_file_belong_to_this_user_alone(tmp_path: Path) -> None:
    """0700 and 0600 whatever the umask says, -wal and -shm included."""
    folder = tmp_path / "deep" / "er"
    before = os.umask(0)
    try:
        with opened(f"sqlite:///{folder / 'outbox.db'}") as database:
            database.run(add)
            files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    finally:
        os.umask(before)

    assert files.pop(".gitignore") == 0o600
    assert (folder / ".gitignore").read_text() == "*\n"
    assert not (folder.parent / ".gitignore").exists()
    assert files == {"outbox.db": 0o600, "outbox.db-wal": 0o600, "outbox.db-shm": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_sqlite_uri_is_left_to_sqlite(tmp_path: Path) -> None:
    """Its options are the user's own; it is neither moved nor watched."""
    path = tmp_path / "outbox.db"
    with opened(f"sqlite:///file:{path}?mode=rwc&uri=true") as database:
        database.run(add)
        assert database.read(count) == 1
        database.close()
        path.write_bytes(b"garbage" * 1000)
        with pytest.raises(SQLAlchemyError):
            database.run(add)

    assert path.read_bytes().startswith(b"garbage")


def test_every_connection_is_durable(sqlite_url: str) -> None:
    """WAL, and synchronous=FULL (2), on the fifth connection as on the first."""
    with opened(sqlite_url) as database:
        database.run(add)
        engine = database.engine
        connections = [engine.connect() for _ in range(7)]
        modes = set()
        # Each begins a write, so one after the other.
        for connection in connections:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            modes.add((mode, connection.exec_driver_sql("PRAGMA synchronous").scalar()))
            connection.close()

    assert modes == {("wal", 2)}


def test_a_writer_begins_as_a_writer_and_a_reader_does_not(sqlite_url: str, tmp_path: Path) -> None:
    """BEGIN IMMEDIATE keeps other writers out from the start; reading keeps nobody out."""

    def another_may_write(_connection: Connection) -> bool:
        try:
            with locked(tmp_path / "outbox.db", patience=0):
                return True
        except sqlite3.OperationalError:
            return False

    with opened(sqlite_url) as database:
        database.run(add)
        assert database.read(another_may_write)
        assert not database.run(another_may_write)


LOCK_AND_OPEN = """
import sqlite3, sys
from fprom_middleware.database.database import Database, _shut
from fprom_middleware.outbox.urls import outbox_url
path = sys.argv[1]
mine = sqlite3.connect(path, isolation_level=None)
mine.execute("CREATE TABLE IF NOT EXISTS users (name)")
mine.execute("BEGIN IMMEDIATE")
mine.execute("INSERT INTO users VALUES (1)")
try:
    Database(outbox_url(f"sqlite:///{path}"), "account").run(lambda connection: None, patience=0)
except Exception as error:
    print(type(error).__name__, flush=True)
input()
mine.execute("COMMIT")
"""


@pytest.mark.slow
def test_opening_the_file_keeps_the_locks_that_the_app_holds_on_it(tmp_path: Path) -> None:
    """POSIX drops all of a process's locks on a file when it closes any handle of it."""
    path = tmp_path / "shop.db"
    with start_program(LOCK_AND_OPEN, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "OperationalError\n"
        with pytest.raises(sqlite3.OperationalError, match="locked"), locked(path, patience=0):
            pass
        process.communicate("\n", timeout=30)

    assert process.returncode == 0


# Patience


def test_a_lock_that_is_let_go_in_time_costs_no_error(sqlite_url: str, tmp_path: Path) -> None:
    """Within the patience, which is long here, for a busy machine's timer is late."""
    with opened(sqlite_url) as database:
        database.run(add)
        with locked(tmp_path / "outbox.db") as holder:
            timer = threading.Timer(0.3, holder.rollback)
            timer.start()
            database.run(add, patience=PATIENCE)
            timer.join()
        assert database.read(count) == 2


@pytest.mark.slow
def test_a_lock_that_stays_is_waited_for_about_a_second(sqlite_url: str, tmp_path: Path) -> None:
    """Then the view has waited long enough."""
    with opened(sqlite_url) as database:
        database.run(add)
        with locked(tmp_path / "outbox.db"):
            began = time.monotonic()
            with pytest.raises(OperationalError, match="locked"):
                database.run(add)
            waited = time.monotonic() - began
            assert database.read(count) == 1

    # A busy machine adds to it; the lock itself stays for as long as the block.
    assert DATABASE_PATIENCE_SECONDS <= waited < DATABASE_PATIENCE_SECONDS + 10


@pytest.mark.parametrize(
    ("setting", "name"),
    [("query_only = 1", "readonly"), ("max_page_count = 1", "full")],
)
def test_a_file_that_cannot_be_written_is_not_asked_again(
    sqlite_url: str, setting: str, name: str
) -> None:
    """Read-only or full: waiting changes nothing, so the view does not wait."""
    with opened(sqlite_url) as database:
        database.run(add)
        tries = []

        @sa.event.listens_for(database.engine, "checkout")
        def _spoil(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
            tries.append(1)
            connection.execute(f"PRAGMA {setting}")

        def fill(connection: Connection) -> None:
            for _ in range(10_000):
                add(connection)

        with pytest.raises(OperationalError, match=name):
            database.run(fill)
    assert tries == [1]


def test_a_folder_that_cannot_be_made_is_an_oserror(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / "taken").write_text("")

    url = f"sqlite:///{tmp_path / 'taken' / 'outbox.db'}"
    with opened(url) as database, pytest.raises(OSError, match="taken"):
        database.run(add)


def failing(*errors: Exception) -> tuple[Callable[[Connection], str], list[Exception]]:
    """Return a piece of work that fails so often before it succeeds, and what is left to fail."""
    left = list(errors)

    def work(_connection: Connection) -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work, left


def test_a_connection_that_broke_is_opened_again(sqlite_url: str) -> None:
    """Whatever type the driver gives that error."""
    broken = DBAPIError("", {}, Exception(), connection_invalidated=True)
    work, _ = failing(broken, OperationalError("", {}, Exception()))
    with opened(sqlite_url) as database:
        assert database.run(work) == "done"


def test_a_mistake_in_the_statement_is_told(sqlite_url: str) -> None:
    """Asked once more, in case that the tables were dropped."""
    work, left = failing(*[ProgrammingError("", {}, Exception()) for _ in range(9)])
    with opened(sqlite_url) as database:
        database.run(add)
        with pytest.raises(ProgrammingError):
            database.run(work)
    assert len(left) == 7


def test_a_user_who_may_not_create_tables_is_told_at_once(postgresql_url: str) -> None:
    """No patience helps against a missing right."""
    engine = sa.create_engine(outbox_url(postgresql_url))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS fprom_reader")
        connection.exec_driver_sql("CREATE ROLE fprom_reader LOGIN")
    reader = postgresql_url.replace("postgres@", "fprom_reader@")
    with opened(reader) as database, pytest.raises(ProgrammingError, match="permission denied"):
        database.run(add)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE fprom_reader")
    engine.dispose()


def test_dropped_tables_come_back(database_url: str, outbox_at: MakeOutbox) -> None:
    """Dropped while the app runs, as the refusal of another version tells people to do."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())
    outbox.database.run(leads.drop)
    put_leads(outbox, make_lead())

    assert outbox.stats().pending == 1


# A file that is deleted, replaced or corrupt


def test_a_file_that_is_deleted_while_open_is_made_again(sqlite_url: str, tmp_path: Path) -> None:
    """What was in it is gone; what comes is written."""
    with opened(sqlite_url) as database:
        database.run(add)
        for path in tmp_path.iterdir():
            path.unlink()
        database.run(add)
        assert database.read(count) == 1
        assert stat.S_IMODE((tmp_path / "outbox.db").stat().st_mode) == 0o600


def test_a_file_that_is_deleted_alone_leaves_nothing_in_the_way(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The new one does without the -shm of the old one, which a thread may still be using."""
    path = tmp_path / "outbox.db"
    with opened(sqlite_url) as database:
        database.run(add)
        inside, leave = threading.Event(), threading.Event()

        def linger(connection: Connection) -> int:
            inside.set()
            assert leave.wait(30)
            return count(connection)

        found = list[int]()
        reader = threading.Thread(target=lambda: found.append(database.read(linger)))
        reader.start()
        assert inside.wait(30)
        path.unlink()
        database.run(add)
        assert pragma(database, "journal_mode") == "delete"
        leave.set()
        reader.join()
        database.run(add)

    # It looked into the old file, and then into the new one.
    assert found in ([1], [2])
    with opened(sqlite_url) as database:
        assert database.read(count) == 2
        assert pragma(database, "integrity_check") == "ok"


@pytest.mark.parametrize("mode", ["delete", "truncate", "wal"])
def test_the_journal_mode_of_an_apps_own_file_is_left_as_it_is(
    sqlite_url: str, tmp_path: Path, mode: str
) -> None:
    """It is the app's to choose, for its own tables."""
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as mine:
        mine.execute("CREATE TABLE users (name)")
        mine.execute(f"PRAGMA journal_mode={mode}")
        with opened(sqlite_url) as database:
            database.run(add)
            assert database.read(count) == 1
        assert mine.execute("PRAGMA journal_mode").fetchone() == (mode,)


def test_a_file_that_is_deleted_during_the_write_is_written_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The commit went with the file, so it does not count."""
    left = [1]

    def work(connection: Connection) -> None:
        add(connection)
        if left:
            left.clear()
            (tmp_path / "outbox.db").unlink()

    with opened(sqlite_url) as database:
        database.run(work)
        assert database.read(count) == 1


def test_a_thread_judges_by_the_file_that_its_own_connection_has_open(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Another thread of the process has renewed the file meanwhile: the commit still counts not."""
    committed = []

    def replace_and_renew(connection: Connection) -> None:
        add(connection)
        committed.append(1)
        if len(committed) == 1:
            for path in tmp_path.iterdir():
                path.unlink()
            other.run(add)

    with opened(sqlite_url) as database, opened(sqlite_url) as other:
        database.run(replace_and_renew)
        assert committed == [1, 1]
        assert database.read(count) == 2


def test_a_file_that_is_replaced_all_the_time_is_given_up(sqlite_url: str, tmp_path: Path) -> None:
    """After the patience, as any other refusal; at most a file is made, none is removed."""
    made: list[Path] = []

    def work(connection: Connection) -> None:
        add(connection)
        made.append((tmp_path / "outbox.db").rename(tmp_path / f"moved-{len(made)}"))

    with opened(sqlite_url) as database, pytest.raises(FileReplacedError, match="deleted or"):
        database.run(work, patience=0.1)
    assert all(path.exists() for path in made)


def test_a_file_that_goes_while_it_is_opened_is_opened_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of the two the connection has cannot be known."""
    connect, path = SQLiteDialect_pysqlite.connect, tmp_path / "outbox.db"
    tries = []

    def slow_connect(dialect: SQLiteDialect_pysqlite, *args: Any, **options: Any) -> Any:
        tries.append(1)
        connection = connect(dialect, *args, **options)
        if len(tries) == 1:
            path.unlink()
        return connection

    monkeypatch.setattr(SQLiteDialect_pysqlite, "connect", slow_connect)
    with opened(sqlite_url) as database:
        database.run(add)
        assert database.read(count) == 1
    assert len(tries) > 1


def corrupt_pages(path: Path) -> None:
    """Overwrite everything behind the first page."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_that_is_not_a_database_is_left_as_it_is(
    sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said loudly, once, with what to do; the package touches no file of others."""
    (tmp_path / "outbox.db").write_bytes(b"this is not a database" * 500)
    before = contents(tmp_path)
    with opened(sqlite_url) as database:
        for _ in range(3):
            with pytest.raises(SQLAlchemyError):
                database.run(add)

    assert contents(tmp_path) == before
    (record,) = caplog.records
    assert record.levelno == logging.CRITICAL
    assert str(tmp_path / "outbox.db") in record.getMessage()


def test_a_corrupt_page_is_refused_at_once(
    sqlite_url: str, tmp_path: Path, outbox_at: MakeOutbox, caplog: pytest.LogCaptureFixture
) -> None:
    """No patience mends a file."""
    outbox = outbox_at(sqlite_url)
    put_leads(outbox, *make_leads(500))
    outbox.database.close()
    corrupt_pages(tmp_path / "outbox.db")
    before = contents(tmp_path)["outbox.db"]
    taken = []
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(DatabaseError, match="malformed"):
            put_leads(outbox, make_lead())
        taken.append(time.monotonic() - began)

    assert min(taken) < DATABASE_PATIENCE_SECONDS
    assert "CRITICAL" in caplog.text
    outbox.database.close()
    assert contents(tmp_path)["outbox.db"] == before


def test_a_file_that_was_put_in_a_corrupt_ones_place_is_taken(
    sqlite_url: str, tmp_path: Path
) -> None:
    """The operator moves the bad one away; nothing has to be restarted."""
    path = tmp_path / "outbox.db"
    path.write_bytes(b"this is not a database" * 500)
    with opened(sqlite_url) as database:
        with pytest.raises(SQLAlchemyError):
            database.run(add)
        path.rename(tmp_path / "bad.db")
        database.run(add)
        assert database.read(count) == 1


# Processes and servers


def test_a_server_that_dropped_the_connections_is_asked_again(
    postgresql_url: str, outbox_at: MakeOutbox
) -> None:
    """PostgreSQL restarted between two sign-ups: the second one does not notice."""
    outbox = outbox_at(postgresql_url)
    put_leads(outbox, make_lead())
    engine = sa.create_engine(outbox_url(postgresql_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    engine.dispose()
    put_leads(outbox, make_lead())

    assert outbox.stats().pending == 2


@pytest.mark.slow
def test_a_locked_table_on_a_server_is_given_up_after_about_a_second(
    postgresql_url: str, outbox_at: MakeOutbox
) -> None:
    """A migration that takes its time stalls no view."""
    outbox = outbox_at(postgresql_url)
    put_leads(outbox, make_lead())
    engine = sa.create_engine(outbox_url(postgresql_url))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {leads.name}")
        began = time.monotonic()
        with pytest.raises((OperationalError, SilentError)):
            put_leads(outbox, make_lead())
        waited = time.monotonic() - began
    engine.dispose()

    # A busy machine adds to it; the table itself is locked for as long as the block.
    assert waited < DATABASE_PATIENCE_SECONDS + 10
    # The call that was left may be on its way for a moment more.
    assert eventually(lambda: answers(outbox))


def answers(outbox: Outbox) -> bool:
    """Say whether the database is asked again."""
    with suppress(SilentError):
        outbox.stats()
        return True
    return False


def test_a_driver_that_keeps_its_socket_to_itself_is_left_alone() -> None:
    """Its call ends by its own time-out."""
    _shut(object())


def test_a_server_that_is_away_is_an_error_without_the_password() -> None:
    """Nobody listens there."""
    url = f"postgresql://me:{PASSWORD}@127.0.0.1:9/db"
    with opened(url) as database, pytest.raises(OperationalError) as refused:
        database.run(add, patience=0)
    assert PASSWORD not in str(refused.value)


def test_other_servers_get_no_options_of_postgresql(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    """Any SQLAlchemy URL will do: a backend that is none of the two gets a plain engine."""
    with opened(sqlite_url) as database:
        database.is_sqlite = False
        database.run(add)
        assert database.read(count) == 1


def test_an_error_shows_no_parameters(sqlite_url: str) -> None:
    """`hide_parameters`: what a statement carried stands in no exception."""

    def mistake(connection: Connection) -> None:
        connection.execute(sa.text("SELECT :email FROM nowhere"), {"email": "canary@example.com"})

    with opened(sqlite_url) as database, pytest.raises(SQLAlchemyError) as refused:
        database.run(mistake, patience=0)
    assert "canary" not in str(refused.value)


FORK = """
import os, sys, threading, time
from fprom_middleware import Fprom
from tests.support.accounts import make_settings
from tests.support.leads import sign_up
fprom = Fprom(make_settings(sys.argv[1]))
written, over = [0, 0, 0], threading.Event()

def write(number):
    while not over.is_set():
        sign_up(fprom)
        written[number] += 1
        # As a busy app does: now and then.
        time.sleep(0.002)

threads = [threading.Thread(target=write, args=[number]) for number in range(3)]
for thread in threads:
    thread.start()
for number in range(12):
    if not (child := os.fork()):
        sign_up(fprom)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
over.set()
for thread in threads:
    thread.join()
assert all(written)
print(fprom.stats().pending - sum(written))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_parent_and_forked_children_write_side_by_side(database_url: str) -> None:
    """One account, three threads that go on writing, and twelve forks meanwhile."""
    assert run_program(FORK, database_url) == "12\n"
