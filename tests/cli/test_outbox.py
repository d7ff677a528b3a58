"""``outbox``: what a person sees, and what no screen shows."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.cli.terminal import Terminal
from tests.cli.conftest import run_fprom
from tests.support.accounts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

VISITOR = TrackingContext(tid="tid-of-a-visitor")
SECRETS = ("ann@", "bob@", "tid-of-a-visitor", "203.0.113.77", KEY)


@pytest.mark.parametrize("command", ["outbox", "outbox list"])
def test_an_empty_outbox_is_said_in_three_lines(command: str, desk: Desk, tmp_path: Path) -> None:
    """Where it is, absolute wherever the command is run; no table of nothing."""
    desk.fprom.stats()

    assert desk(*command.split()) == f"outbox: {tmp_path}/outbox.db\npending: 0\nrejected: 0\n"


LOOKS = (
    "outbox", "outbox list", "outbox list --limit 3", "outbox show 1",
    "outbox retry --all", "outbox delete --all --yes", "outbox export leads.jsonl", "resume",
    "check",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("command", LOOKS)
def test_a_look_makes_nothing_and_says_where(
    command: str, tmp_path: Path, environ: dict[str, str]
) -> None:
    """One folder away, or with a mistyped path; the account id is enough for it."""
    del environ["FPROM_API_KEY"]
    environ["FPROM_OUTBOX_URL"] = "sqlite:///.fprom/outbox.db"

    done = run_fprom(command, environ, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "there is no outbox yet" in done.stdout
    assert str(tmp_path / ".fprom" / "outbox.db") in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_program_gets_json_of_no_outbox_too(desk: Desk, tmp_path: Path) -> None:
    """The same figures, and null for the place."""
    figures = json.loads(desk("outbox", "--json"))

    assert (figures["outbox"], figures["pending"], figures["paused"]) == (None, 0, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_look_needs_the_account_id_and_no_key(environ: dict[str, str], tmp_path: Path) -> None:
    """What is there is shown; that the app needs the key is said by check alone."""
    fprom = Fprom({**environ, "FPROM_WORKER": "none"})
    fprom.track_signup(VISITOR, "ann@example.com")
    fprom.close()
    del environ["FPROM_API_KEY"]

    assert "pending: 1," in run_fprom("outbox", environ, tmp_path).stdout
    assert "FPROM_API_KEY     MISSING" in run_fprom("check", environ, tmp_path).stdout
    for command in ("drain", "worker", "check --send", "check --write"):
        done = run_fprom(command, environ, tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("Error: FPROM_API_KEY: is missing.")
    del environ["FPROM_ACCOUNT_ID"]
    done = run_fprom("outbox", environ, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: FPROM_ACCOUNT_ID: is missing.")


@pytest.mark.parametrize("command", ["outbox", "check"])
def test_events_of_another_account_are_seen(command: str, desk: Desk, tmp_path: Path) -> None:
    """The account id may have been changed while they waited."""
    desk.put("ann@example.com", "bob@example.com")

    told = desk(*command.split(), account_id="another")
    assert "\n2 events of account account-7 wait here too: " in told
    desk.make(account_id="third").track_signup(VISITOR, "cat@example.com")
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        connection.execute(
            "UPDATE fprom_outbox SET account = ? WHERE account = ?", ["a\x1b[2J third", "third"]
        )
    told = desk(*command.split())
    assert "\n1 event of account a\\x1b[2J third wait here too: " in told
    assert "account-7" not in told.partition("wait here too")[2]
    assert desk.fprom.drain()["sent"] == 2
    assert "account-7" not in desk(*command.split(), account_id="another")


def test_pending_leads_are_counted_by_age(desk: Desk) -> None:
    """What is stuck stands out."""
    for seconds in (100_000, 5_000, 1_000, 120, 0):
        desk.clock.now = 1_800_000_000 - seconds
        desk.put("ann@example.com")

    lines = desk("outbox").splitlines()

    assert lines[1] == "pending: 5, the oldest for 1 d"
    assert [line.split("  ")[0] for line in lines[3:8]] == [
        "under 1 min",
        "under 10 min",
        "under 1 h",
        "under 1 d",
        "1 d and more",
    ]
    assert [line.split()[-1] for line in lines[3:8]] == ["1"] * 5


def test_a_pause_is_explained(desk: Desk) -> None:
    """Since when, why, and what to do."""
    desk.put("ann@example.com")
    desk.api.says = 401
    desk.fprom.drain()

    assert "paused since 2027-01-15T08:00:00Z: unauthorized. Check FPROM_API_KEY" in desk("outbox")


def test_rejected_events_are_listed_masked(desk: Desk) -> None:
    """Recognizable to who knows them, useless to others; the newest first."""
    desk.reject("ann@example.com")
    desk.clock.later(60)
    desk.reject("bob@example.com")
    desk.fprom.track_signup(TrackingContext(tid="tid-of-a-visitor"), uid="customer-000123")
    desk.api.says = 400
    desk.fprom.drain()

    answer = desk("outbox")

    assert [line.split() for line in answer.splitlines()[4:]] == [
        ["3", "signup", "2027-01-15T08:01:00Z", "bad_request", "1", "uid", "…0123"],
        ["2", "signup", "2027-01-15T08:01:00Z", "bad_request", "1", "b***@example.com"],
        ["1", "signup", "2027-01-15T08:00:00Z", "bad_request", "1", "a***@example.com"],
    ]
    assert not any(secret in answer for secret in SECRETS)


def test_a_long_list_is_cut_and_says_so(desk: Desk) -> None:
    """And how to see the rest."""
    desk.reject("ann@example.com", "bob@example.com")

    assert desk("outbox", "--limit", "1").endswith("1 more: --limit 2\n")


def test_a_program_gets_json(desk: Desk, tmp_path: Path) -> None:
    """The figures of the health endpoint, the ages, and the rejected, masked."""
    desk.put("ann@example.com")
    desk.api.says = 400
    desk.fprom.drain()
    desk.api.says = 401
    desk.put("bob@example.com")
    desk.fprom.drain()
    desk.clock.later(90)

    answer = desk("outbox", "--json")

    assert json.loads(answer) == {
        "pending": 1,
        "oldest_age": 90.0,
        "rejected": 1,
        "paused": "unauthorized",
        "paused_since": 1_800_000_000.0,
        "next_try_at": 1_800_000_300.0,
        "outbox": f"{tmp_path}/outbox.db",
        "other_accounts": {},
        "ages": {
            "under_1m": 0,
            "under_10m": 1,
            "under_1h": 0,
            "under_24h": 0,
            "older": 0,
        },
        "rejected_events": [
            {
                "id": 1,
                "kind": "signup",
                "rejected_at": "2027-01-15T08:00:00Z",
                "reason": "bad_request",
                "attempts": 1,
                "email": "a***@example.com",
                "uid": None,
            }
        ],
    }
    assert not any(secret in answer for secret in SECRETS)


def test_a_person_sees_a_drawn_table(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames on a terminal, and nothing that markup could change."""
    monkeypatch.setattr("fprom_middleware.cli.output.terminal", Terminal)
    desk.reject("[red]ann@example.com")

    answer = desk("outbox")

    assert "┃" in answer
    assert "[***@example.com" in answer


def test_one_account_does_not_see_the_other(desk: Desk) -> None:
    """Two accounts may share a database."""
    desk.reject("ann@example.com")

    assert "pending: 0\nrejected: 0\n" in desk("outbox", account_id="another")
    assert "there is no event 1" in desk("outbox", "show", "1", code=1, account_id="another")
    assert desk("outbox", "retry", "--all", account_id="another") == "0 events due now\n"
    assert desk("outbox", "delete", "--all", "--yes", account_id="another") == "0 events deleted\n"
    assert desk.fprom.stats().rejected == 1


def test_a_disabled_account_can_be_looked_at(desk: Desk) -> None:
    """What waits from before is still there."""
    desk.put("ann@example.com")

    assert desk("outbox", enabled=False).splitlines()[1].startswith("pending: 1, ")


def test_inline_delivery_has_none(desk: Desk) -> None:
    """And says what to set."""
    assert "Error: FPROM_DELIVERY: inline delivery keeps no outbox" in desk(
        "outbox", code=2, delivery="inline"
    )
