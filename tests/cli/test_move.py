"""``outbox move``: what waits elsewhere comes here, and nothing is lost by a kill in between."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Fprom, TrackingContext
from tests.cli.conftest import FPROM, run_fprom
from tests.support.services import postgresql_database
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk
    from tests.support.api import LoopbackApi

VISITOR = TrackingContext(tid="tid-of-a-visitor")


def url(path: Path) -> str:
    """Name a SQLite file."""
    return f"sqlite:///{path}"


def count(path: Path, *, distinct: bool = False) -> int:
    """Count the rows of an outbox, or their different events."""
    with closing(sqlite3.connect(path)) as connection:
        counted = "DISTINCT payload" if distinct else "*"
        found = connection.execute(f"SELECT count({counted}) FROM fprom_outbox")  # noqa: S608 - ours
        number: int = found.fetchone()[0]
        return number


def test_what_waits_is_moved_and_sent(desk: Desk, tmp_path: Path) -> None:
    """With its moment, its due time and its order; rejected leads stay, and other accounts'."""
    desk.reject("rob@example.com")
    desk.put("ann@example.com", "bob@example.com")
    desk.make(account_id="another").track_signup(VISITOR, "cat@example.com")
    sent_before, target = len(desk.api.seen), tmp_path / "new" / "outbox.db"
    move = "outbox", "move", "--from", desk.url

    answer = desk(*move, outbox_url=url(target))

    assert answer == f"2 events moved from {tmp_path}/outbox.db to {target}\n"
    assert "pending: 0\nrejected: 1\n" in desk("outbox")
    assert "0 events moved" in desk(*move, outbox_url=url(target))
    assert desk.make(outbox_url=url(target)).drain()["sent"] == 2
    assert [call.body["email"] for call in desk.api.seen[sent_before:]] == [
        "ann@example.com",
        "bob@example.com",
    ]
    assert {call.body["created_at"] for call in desk.api.seen} == {"2027-01-15T08:00:00.000Z"}


@pytest.mark.parametrize("name", ["outbox.db", "link.db"])
def test_an_outbox_is_not_moved_into_itself(name: str, desk: Desk, tmp_path: Path) -> None:
    """By whichever name: its rows would be deleted as those that were moved."""
    desk.put("ann@example.com")
    (tmp_path / "link.db").symlink_to(tmp_path / "outbox.db")

    told = desk("outbox", "move", "--from", url(tmp_path / name), code=2)

    assert "both are the same outbox" in told
    assert desk.fprom.stats().pending == 1


def test_where_nothing_waits_nothing_is_made(desk: Desk, tmp_path: Path) -> None:
    """A mistyped URL is told, and makes neither outbox."""
    told = desk("outbox", "move", "--from", url(tmp_path / "mistyped.db"), code=1)

    assert "there is no outbox yet" in told
    assert str(tmp_path / "mistyped.db") in told
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_url_is_one_line(desk: Desk) -> None:
    """As FPROM_OUTBOX_URL itself."""
    assert "is not a database" in desk("outbox", "move", "--from", "nonsense", code=2)


def test_what_was_written_and_not_deleted_is_there_once(desk: Desk, tmp_path: Path) -> None:
    """The second run knows the rows by their keys."""
    desk.put("ann@example.com", "bob@example.com")
    target = tmp_path / "new.db"
    move = "outbox", "move", "--from", desk.url
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        connection.execute(
            "CREATE TRIGGER no BEFORE DELETE ON fprom_outbox BEGIN SELECT RAISE(ABORT, 'no'); END"
        )

    assert "the outbox's database refused" in desk(*move, code=1, outbox_url=url(target))
    assert (count(tmp_path / "outbox.db"), count(target)) == (2, 2)

    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        connection.execute("DROP TRIGGER no")
    assert "2 events moved" in desk(*move, outbox_url=url(target))
    assert (count(tmp_path / "outbox.db"), count(target)) == (0, 2)


def test_what_cannot_be_written_stays_where_it_is(desk: Desk, tmp_path: Path) -> None:
    """Written first, deleted afterwards; a row of before rows had keys is no exception."""
    target = tmp_path / "new.db"
    desk.make(outbox_url=url(target)).stats()
    desk.put("ann@example.com", "bob@example.com")
    for file, statement in (
        (tmp_path / "outbox.db", "UPDATE fprom_outbox SET row_key = NULL"),
        (
            target,
            "CREATE TRIGGER no BEFORE INSERT ON fprom_outbox BEGIN SELECT RAISE(ABORT, 'no'); END",
        ),
    ):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)
    move = "outbox", "move", "--from", desk.url

    assert "the outbox's database refused" in desk(*move, code=1, outbox_url=url(target))
    assert (count(tmp_path / "outbox.db"), count(target)) == (2, 0)

    with closing(sqlite3.connect(target)) as connection, connection:
        connection.execute("DROP TRIGGER no")
    assert "2 events moved" in desk(*move, outbox_url=url(target))
    assert (count(tmp_path / "outbox.db"), count(target)) == (0, 2)


@pytest.mark.slow
def test_a_kill_loses_nothing(environ: dict[str, str], api: LoopbackApi, tmp_path: Path) -> None:
    """At any moment; whichever is in both outboxes counts once."""
    source, target = tmp_path / "outbox.db", tmp_path / "new.db"
    fprom = Fprom({**environ, "FPROM_WORKER": "none"})
    for number in range(600):
        fprom.track_signup(VISITOR, uid=number)
    fprom.close()
    environ["FPROM_OUTBOX_URL"] = url(target)
    move = f"outbox move --from {url(source)}"
    for goal in (1, 200):
        with subprocess.Popen([*FPROM, *move.split()], env=environ) as process:
            assert eventually(lambda goal=goal: target.exists() and count_safely(target) >= goal)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
        assert count(source) + count(target) >= 600

    done = run_fprom(move, environ, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert (count(source), count(target), count(target, distinct=True)) == (0, 600, 600)
    assert api.leads == []


def count_safely(path: Path) -> int:
    """Count the rows of an outbox that may be in the making."""
    try:
        return count(path)
    except sqlite3.OperationalError:
        return 0


def test_from_a_file_to_a_server_and_back(desk: Desk, tmp_path: Path) -> None:
    """Every column arrives as it was, whichever database it comes from."""
    desk.put("ann@example.com", "bob@example.com")
    desk.api.says = 503
    desk.fprom.drain(limit=1)
    before, back = rows(tmp_path / "outbox.db"), tmp_path / "back.db"
    with postgresql_database("move") as server:
        there = desk("outbox", "move", "--from", desk.url, outbox_url=server)
        spelled = server.replace("postgresql://", "postgresql+psycopg://")
        itself = desk("outbox", "move", "--from", spelled, code=2, outbox_url=server)
        again = desk("outbox", "move", "--from", server, outbox_url=url(back))

    assert there.startswith(f"2 events moved from {tmp_path}/outbox.db to postgresql")
    assert "both are the same outbox" in itself
    assert again.startswith("2 events moved from postgresql")
    assert "postgres@" not in there + again
    assert rows(back) == before


def rows(path: Path) -> list[tuple[object, ...]]:
    """Return the rows of an outbox without their ids."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[1:] for row in connection.execute("SELECT * FROM fprom_outbox ORDER BY id")]
