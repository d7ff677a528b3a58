"""Whose the outbox's file is, who may write it, and what is never followed or made."""

from __future__ import annotations

import errno
import logging
import os
import stat
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import OperationalError

from fprom_middleware.database.database import Database, NoOutboxError
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection

SHOP = 4242
"""A user who is not root."""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """An outbox in the test's folder."""
    database = Database(outbox_url(sqlite_url), ACCOUNT)
    yield database
    database.close()


def touch(database: Database) -> None:
    """Use the outbox."""
    database.run(lambda _connection: None)


def owners(folder: Path) -> set[tuple[int, int]]:
    """Say whose everything below a folder is."""
    found = [path.lstat() for path in folder.rglob("*")]
    return {(status.st_uid, status.st_gid) for status in found}


@root_only
def test_what_root_makes_in_a_users_folder_is_the_users(tmp_path: Path) -> None:
    """The app can go on: folders, file, -wal, -shm and .gitignore are all its own."""
    home = tmp_path / "shop"
    home.mkdir()
    os.chown(home, SHOP, SHOP)
    database = Database(outbox_url(f"sqlite:///{home}/deep/er/outbox.db"), ACCOUNT)
    touch(database)
    while_open = owners(home)
    database.close()

    assert while_open == owners(home) == {(SHOP, SHOP)}


@pytest.mark.parametrize("user", [0, SHOP])
def test_only_root_gives_away(
    user: int, tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user could not, and need not."""
    given: list[object] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "chown", lambda made, *_ids, **_: given.append(made))
    database = Database(outbox_url(sqlite_url.replace("outbox.db", "new/outbox.db")), ACCOUNT)
    touch(database)
    database.close()

    assert len(given) == (3 if user == 0 else 0)
    assert (tmp_path / "new" / "outbox.db").exists()


@root_only
def test_what_was_there_before_keeps_its_owner(
    tmp_path: Path, sqlite_url: str, database: Database
) -> None:
    """Only what is made is given away."""
    (tmp_path / "outbox.db").touch()
    os.chown(tmp_path, SHOP, SHOP)
    touch(database)
    database.close()

    assert (tmp_path / "outbox.db").stat().st_uid == 0
    assert sqlite_url.endswith("outbox.db")


def test_a_link_to_nothing_is_not_followed(tmp_path: Path, database: Database) -> None:
    """Its target is not made, and the error names the path."""
    target = tmp_path / "elsewhere.db"
    (tmp_path / "outbox.db").symlink_to(target)
    with pytest.raises(OSError, match=r"links are not followed: '.*outbox\.db'") as refused:
        touch(database)

    assert refused.value.errno == errno.ELOOP
    assert not target.exists()


def test_a_link_to_a_file_that_is_there_is_the_users_own_choice(
    tmp_path: Path, database: Database
) -> None:
    """As where deployments link to a shared folder."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "outbox.db").touch()
    (tmp_path / "outbox.db").symlink_to(tmp_path / "shared" / "outbox.db")
    touch(database)

    assert (tmp_path / "outbox.db").is_symlink()
    assert (tmp_path / "shared" / "outbox.db").stat().st_size > 0


def test_a_lock_file_that_is_there_is_of_no_interest(tmp_path: Path, database: Database) -> None:
    """The package has none of its own."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "outbox.db.lock").symlink_to(precious)
    touch(database)

    assert precious.read_text() == "precious"


@pytest.mark.parametrize(
    ("folder_mode", "file_mode", "told"),
    [
        (0o700, 0o600, []),
        (0o755, 0o644, []),
        (0o777, 0o600, [("folder", "run: chmod go-w")]),
        (0o770, 0o666, [("folder", "run: chmod go-w"), ("outbox.db", "run: chmod go-w")]),
        (0o1777, 0o600, [("folder", "give the outbox a folder of its own")]),
    ],
)
def test_what_others_can_write_is_warned_about_once(
    folder_mode: int,
    file_mode: int,
    told: list[tuple[str, str]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the command that mends it; the package changes no mode."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "outbox.db").touch()
    (folder / "outbox.db").chmod(file_mode)
    folder.chmod(folder_mode)
    for _ in range(2):
        database = Database(outbox_url(f"sqlite:///{folder}/outbox.db"), ACCOUNT)
        touch(database)
        database.close()

    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == len(told)
    for name, remedy in told:
        assert any(f"{name}, where the outbox is: {remedy}" in warning for warning in warnings)
    assert stat.S_IMODE(folder.stat().st_mode) == folder_mode


def test_a_look_makes_nothing(tmp_path: Path) -> None:
    """Neither folder nor file nor tables."""
    for url, made in (
        (f"sqlite:///{tmp_path}/none/outbox.db", ()),
        (f"sqlite:///{tmp_path}/shop.db", ("shop.db",)),
    ):
        for name in made:
            (tmp_path / name).touch()
        database = Database(outbox_url(url), ACCOUNT, look=True)
        for use in (database.run, database.read):
            with pytest.raises(NoOutboxError, match=rf"there is no outbox yet at {tmp_path}/"):
                use(lambda _connection: None)
        database.close()

    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
    assert (tmp_path / "shop.db").stat().st_size == 0


def test_a_look_sees_what_is_there(sqlite_url: str, database: Database) -> None:
    """Also of an account that has no row yet, and makes none."""
    touch(database)
    look = Database(outbox_url(sqlite_url), "another", look=True)
    found = look.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT account FROM fprom_outbox_account ORDER BY 1"
        ).scalars().all()
    )  # fmt: skip
    look.close()

    assert found == ["#schema", ACCOUNT]


def test_what_is_refused_for_want_of_rights_names_the_path(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """One ERROR; the driver's own says only that it is read-only."""

    def spoil(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = 1")
        connection.exec_driver_sql("DELETE FROM fprom_outbox")

    touch(database)
    for _ in range(2):
        with pytest.raises(OperationalError, match="readonly"):
            database.run(spoil)

    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"{tmp_path}/outbox.db cannot be written (SQLITE_READONLY)" in record.getMessage()
