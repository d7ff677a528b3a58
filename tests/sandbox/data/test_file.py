"""The file in which clicks and calls survive."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.sandbox.data.file import JournalFile, JournalFileError
from fprom_middleware.sandbox.trouble import Trouble
from tests.sandbox.calling import HEADERS, call, make_double, signup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fprom_middleware.sandbox import FirstPromoterDouble


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "sandbox.db"


@pytest.fixture
def failures() -> list[str]:
    """What the journal could not write."""
    return []


@pytest.fixture
def journal(path: Path, failures: list[str]) -> Iterator[JournalFile]:
    """A journal, open."""
    with closing(JournalFile(path, failures.append)) as one:
        yield one


def fill(double: FirstPromoterDouble) -> None:
    """Let something of everything arrive, refused calls among it."""
    tid = double.click("anna", "127.0.0.1").tid
    signup(double, uid="1", tid=tid)
    call(double, "sale", uid="1", event_id="in_1", amount=700)
    call(double, "refund", uid="1", event_id="re_1", amount=100)
    double.signup(HEADERS | {"Account-ID": "another"}, b'{"uid": "2"}')
    double.signup(HEADERS | {"Content-Type": "text/plain"}, b'{"uid": "1"}')
    double.signup(HEADERS, b"\xff\x00 no JSON")
    double.trouble = Trouble("503", next=1)
    signup(double, uid="3", tid=tid)


def state(double: FirstPromoterDouble) -> tuple[Any, ...]:
    """Return all that is kept."""
    kept = (double.clicks, double.histories, double.attempts, double.refunds)
    return (*kept, double.accounts)


def test_all_that_arrived_is_there_again(path: Path, failures: list[str]) -> None:
    """Clicks with their tids, leads with their sales, and refused calls with their reasons."""
    with closing(JournalFile(path, failures.append)) as journal:
        first = make_double(journal=journal)
        fill(first)
    with closing(JournalFile(path, failures.append)) as journal:
        second = make_double(journal=journal)

    assert state(second) == state(first)
    assert [one.status for one in second.attempts] == [200, 200, 200, 401, 400, 400, 503]
    assert failures == []


def test_what_was_cleared_is_gone_unless_undone(path: Path, failures: list[str]) -> None:
    """A clearing clears the file too, and its undoing brings the file's part back."""
    with closing(JournalFile(path, failures.append)) as journal:
        double = make_double(journal=journal)
        fill(double)
        before = state(double)
        double.reset()
        assert double.undo_reset()
    with closing(JournalFile(path, failures.append)) as journal:
        double = make_double(journal=journal)
        assert state(double) == before
        double.reset()
        double.click("bea")
    with closing(JournalFile(path, failures.append)) as journal:
        double = make_double(journal=journal)
        assert [click.ref_id for click in double.clicks] == ["bea"]
        assert double.attempts == ()


def test_the_file_is_the_owners_alone(path: Path, journal: JournalFile) -> None:
    """It holds what tests typed, which may be a person's address."""
    make_double(journal=journal).click("anna")

    assert path.stat().st_mode & 0o777 == 0o600


def test_the_oldest_are_forgotten(path: Path, failures: list[str]) -> None:
    """The file is bounded by number, and by the bytes of the calls."""
    with closing(JournalFile(path, failures.append, max_entries=50)) as journal:
        double = make_double(journal=journal)
        for number in range(120):
            double.click(f"ref-{number}")
    with closing(JournalFile(path, failures.append)) as journal:
        kept = [click.ref_id for click in make_double(journal=journal).clicks]

    assert 40 <= len(kept) <= 50
    assert kept[-1] == "ref-119"


def test_a_second_sandbox_is_refused(path: Path, journal: JournalFile) -> None:
    """Two would overwrite what the other knows."""
    make_double(journal=journal).click("anna")

    with pytest.raises(JournalFileError, match="Does another sandbox use it"):
        JournalFile(path, print)


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A folder that is not there is the user's mistake, and said as such."""
    with pytest.raises(JournalFileError, match="Name another file"):
        JournalFile(tmp_path / "nowhere" / "sandbox.db", print)


def test_a_full_disk_is_told_once(journal: JournalFile, failures: list[str]) -> None:
    """Calls are answered on; the file is left as it is."""
    double = make_double(journal=journal)
    journal._connection.execute("PRAGMA max_page_count = 1")

    for number in range(50):
        double.click(f"ref-{number}")
        double.signup(HEADERS, b'{"uid": "%d", "plan": "%s"}' % (number, b"x" * 4_000))
    double.reset()

    assert len(failures) == 1
    assert failures[0].startswith("nothing more is written to the data file:")


def test_a_foreign_database_is_not_touched(path: Path) -> None:
    """Its header is looked at, nothing is written."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE entry (n)")
    before = path.read_bytes()

    with pytest.raises(JournalFileError, match="a database of another program"):
        JournalFile(path, print)
    assert path.read_bytes() == before
