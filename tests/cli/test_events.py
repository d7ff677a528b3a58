"""``outbox show``, ``retry``, ``delete`` and ``export``: single rows, and who may read them."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from fprom_middleware.cli.group import make_group
from fprom_middleware.cli.source import SettingsSource
from fprom_middleware.outbox.admin import inspect_outbox
from tests.support.accounts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

SECRETS = ("ann@", "bob@", "tid-of-a-visitor", "203.0.113.77", KEY)


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_one_lead_is_shown_masked(state: str, desk: Desk) -> None:
    """Everything about it but its values."""
    (desk.put if state == "pending" else desk.reject)("ann@example.com")

    answer = desk("outbox", "show", "1")
    fields = dict(line.split(maxsplit=1) for line in answer.replace(" at ", "_at ").splitlines())

    assert fields["state"] == state
    assert fields["queued_at"] == "2027-01-15T08:00:00Z"
    assert fields["due_at"] == ("-" if state == "rejected" else "2027-01-15T08:00:00Z")
    assert fields["reason"] == ("bad_request" if state == "rejected" else "-")
    assert fields["event"].startswith("Lead(email=a***@example.com, tid=…itor, ip=IPv4")
    assert not any(secret in answer for secret in SECRETS)


def test_a_rejected_lead_is_sent_again(desk: Desk) -> None:
    """As if it had never been tried."""
    desk.reject("ann@example.com", "bob@example.com")

    assert desk("outbox", "retry", "1") == "1 event due now\n"
    assert desk.fprom.drain()["sent"] == 1
    assert desk("outbox", "retry", "--all") == "1 event due now\n"
    with inspect_outbox(desk.fprom.settings, desk.fprom.clock) as inspection:
        again = inspection.find(2)
        assert again is not None
        assert (again.attempts, again.reason, again.rejected_at) == (0, None, None)
    assert desk.fprom.drain()["sent"] == 1


def test_a_pending_lead_is_not_hurried(desk: Desk) -> None:
    """Another process may be about to send it."""
    desk.put("ann@example.com")

    assert "event 1 is pending" in desk("outbox", "retry", "1", code=1)


@pytest.mark.parametrize("command", ["retry", "delete"])
def test_which_leads_must_be_said_once(command: str, desk: Desk) -> None:
    """Neither none nor both."""
    desk.put("ann@example.com")
    for arguments in ((), ("1", "--all")):
        assert "by their ID" in desk("outbox", command, *arguments, code=2)
    assert "there is no event 9" in desk("outbox", command, "9", code=1)


def test_a_lead_is_deleted_for_good(desk: Desk) -> None:
    """By its id even one that waits: a customer may ask to be forgotten."""
    desk.reject("ann@example.com")
    desk.put("bob@example.com", "cat@example.com")

    assert desk("outbox", "delete", "2", "--yes") == "1 event deleted\n"
    assert desk("outbox", "delete", "--all", "--yes") == "1 event deleted\n"
    assert desk("outbox").partition("\n")[2] == (
        "pending: 1, the oldest for 0 s\n"
        "age           events\n"
        "under 1 min   1\n"
        "under 10 min  0\n"
        "under 1 h     0\n"
        "under 1 d     0\n"
        "1 d and more  0\n"
        "rejected: 0\n"
    )


def test_without_a_terminal_there_is_no_yes(desk: Desk) -> None:
    """A script says --yes, or nothing is deleted."""
    desk.reject("ann@example.com")

    assert "add --yes" in desk("outbox", "delete", "--all", code=2)
    assert desk.fprom.stats().rejected == 1


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 2)])
def test_a_person_is_asked(
    answer: str, left: int, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the number, and how many of them were never sent."""
    desk.reject("ann@example.com")
    desk.put("bob@example.com")
    group = make_group(SettingsSource(lambda: desk.fprom, "the test", shared=True))
    runner = CliRunner()
    with runner.isolation(input=answer) as (out, *_):
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        try:
            group.main(["outbox", "delete", "1", "2"])
        except SystemExit as end:
            code = end.code
        shown = out.getvalue().decode()

    assert "Delete 2 events, 1 of them not sent yet? [y/N]" in shown
    assert bool(code) == bool(left)
    stats = desk.fprom.stats()
    assert stats.pending + stats.rejected == left


def test_an_export_holds_everything_and_is_its_owners(desk: Desk, tmp_path: Path) -> None:
    """Whole values, one JSON object a line, mode 0600 whatever the umask is; never the key."""
    desk.reject("ann@example.com")
    desk.put("bob@example.com")
    file = tmp_path / "leads.jsonl"
    before = os.umask(0)
    try:
        answer = desk("outbox", "export", str(file))
    finally:
        os.umask(before)

    assert answer == f"2 events written to {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    ann, bob = (json.loads(line) for line in file.read_text().splitlines())
    assert ann == {
        "id": 1,
        "queued_at": 1_800_000_000.0,
        "due_at": None,
        "attempts": 1,
        "rejected_at": 1_800_000_000.0,
        "reason": "bad_request",
        **dict.fromkeys(("created_at", "delivered_at", "status", "tid_tail")),
        "blocked": False,
        "kind": "signup",
        "event": {
            "email": "ann@example.com",
            "tid": "tid-of-a-visitor",
            "ip": "203.0.113.77",
            "created_at": "2027-01-15T08:00:00.000Z",
        },
        "state": "rejected",
    }
    assert (bob["state"], bob["event"]["email"]) == ("pending", "bob@example.com")
    assert KEY not in file.read_text()


def test_an_export_goes_page_by_page(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large outbox does not have to fit into memory."""
    monkeypatch.setattr("fprom_middleware.outbox.admin._PAGE", 2)
    desk.reject("ann@example.com", "bob@example.com", "cat@example.com", "dan@example.com")
    desk.put("eve@example.com")
    file = tmp_path / "leads.jsonl"

    assert desk("outbox", "export", "--rejected", str(file)).startswith("4 events written")
    ids = [json.loads(line)["id"] for line in file.read_text().splitlines()]
    assert ids == [1, 2, 3, 4]


def test_an_export_overwrites_nothing(desk: Desk, tmp_path: Path) -> None:
    """Neither a file nor what a link points to."""
    desk.put("ann@example.com")
    file, link = tmp_path / "leads.jsonl", tmp_path / "link"
    file.write_text("mine")
    link.symlink_to(file)

    for name in (file, link):
        assert f"{name} cannot be made: File exists." in desk("outbox", "export", str(name), code=1)
    assert file.read_text() == "mine"


DAMAGED = {
    "no JSON": "{",
    "a list": "[]",
    "null": "null",
    "a moment of another type": '{"email": "ann@example.com", "created_at": 12345}',
    "a moment at the end of time": '{"uid": "1", "created_at": "9999-12-31T23:59:59-23:59"}',
    "too deep": "[" * 100_000,
    "an e-mail of another type": '{"email": ["ann@example.com"]}',
    "what a terminal would obey": "\x1b[2J",
}


@pytest.mark.slow
@pytest.mark.parametrize("payload", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("column", [None, "queued_at", "due_at", "rejected_at", "reason", "kind"])
def test_commands_work_on_a_damaged_row(
    payload: str, column: str | None, desk: Desk, tmp_path: Path
) -> None:
    """It is shown, written as it is, and deleted; the rows beside it stay whole."""
    desk.reject("ann@example.com", "bob@example.com")
    values: dict[str, object] = {"payload": payload}
    if column is not None:
        values[column] = "1e99" if column == "due_at" else "a\u202eb"
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        for name, value in values.items():
            statement = f"UPDATE fprom_outbox SET {name} = ? WHERE id = 1"  # noqa: S608 - names of ours
            connection.execute(statement, [value])

    listed = desk("outbox")
    assert "\u202e" not in listed
    assert "b***@example.com" in listed
    assert isinstance(json.loads(desk("outbox", "--json")), dict)
    shown = desk("outbox", "show", "1")
    assert "unreadable" in shown
    assert "\u202e" not in shown
    assert column not in {"reason", "kind"} or "a\\u202eb" in shown
    desk("outbox", "export", str(tmp_path / "leads.jsonl"))
    first, second = map(json.loads, (tmp_path / "leads.jsonl").read_text().splitlines())
    assert (first["event"], first["payload"]) == (None, payload)
    assert second["event"]["email"] == "bob@example.com"
    assert "payload" not in second
    if column != "due_at":
        assert desk("outbox", "retry", "1") == "1 event due now\n"
    assert desk("outbox", "delete", "1", "--yes") == "1 event deleted\n"
    assert desk("outbox", "retry", "--all") == "1 event due now\n"
    assert desk.fprom.drain()["sent"] == 1
