"""``outbox``: what a person sees, and what no screen shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fprom_middleware import TrackingContext
from fprom_middleware.cli.terminal import Terminal
from tests.support.accounts import KEY

if TYPE_CHECKING:
    import pytest

    from tests.cli.conftest import Desk

SECRETS = ("ann@", "bob@", "tid-of-a-visitor", "203.0.113.77", KEY)


def test_an_empty_outbox_is_said_in_two_lines(desk: Desk) -> None:
    """No table of nothing."""
    assert desk("outbox") == "pending: 0\nrejected: 0\n"


def test_pending_leads_are_counted_by_age(desk: Desk) -> None:
    """What is stuck stands out."""
    for seconds in (100_000, 5_000, 1_000, 120, 0):
        desk.clock.now = 1_800_000_000 - seconds
        desk.put("ann@example.com")

    lines = desk("outbox").splitlines()

    assert lines[0] == "pending: 5, the oldest for 1 d"
    assert [line.split("  ")[0] for line in lines[2:7]] == [
        "under 1 min",
        "under 10 min",
        "under 1 h",
        "under 1 d",
        "1 d and more",
    ]
    assert [line.split()[-1] for line in lines[2:7]] == ["1"] * 5


def test_a_pause_is_explained(desk: Desk) -> None:
    """Since when, why, and what to do."""
    desk.put("ann@example.com")
    desk.api.says = 403
    desk.fprom.drain()

    assert "paused since 2027-01-15T08:00:00Z: unauthorized. Check FPROM_API_KEY" in desk("outbox")


def test_rejected_leads_are_listed_masked(desk: Desk) -> None:
    """Recognizable to who knows them, useless to others; the newest first."""
    desk.reject("ann@example.com")
    desk.clock.later(60)
    desk.reject("bob@example.com")
    desk.fprom.track_signup(TrackingContext(tid="tid-of-a-visitor"), uid="customer-000123")
    desk.api.says = 400
    desk.fprom.drain()

    answer = desk("outbox")

    assert [line.split() for line in answer.splitlines()[3:]] == [
        ["3", "2027-01-15T08:01:00Z", "bad_request", "1", "uid", "…0123"],
        ["2", "2027-01-15T08:01:00Z", "bad_request", "1", "b***@example.com"],
        ["1", "2027-01-15T08:00:00Z", "bad_request", "1", "a***@example.com"],
    ]
    assert not any(secret in answer for secret in SECRETS)


def test_a_long_list_is_cut_and_says_so(desk: Desk) -> None:
    """And how to see the rest."""
    desk.reject("ann@example.com", "bob@example.com")

    assert desk("outbox", "--limit", "1").endswith("1 more: --limit 2\n")


def test_a_program_gets_json(desk: Desk) -> None:
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
        "ages": {
            "under_1m": 0,
            "under_10m": 1,
            "under_1h": 0,
            "under_24h": 0,
            "older": 0,
        },
        "rejected_leads": [
            {
                "id": 1,
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

    assert desk("outbox", account_id="another") == "pending: 0\nrejected: 0\n"
    assert "there is no lead 1" in desk("outbox", "show", "1", code=1, account_id="another")
    assert desk("outbox", "retry", "--all", account_id="another") == "0 leads due now\n"
    assert desk("outbox", "delete", "--all", "--yes", account_id="another") == "0 leads deleted\n"
    assert desk.fprom.stats().rejected == 1


def test_a_disabled_account_can_be_looked_at(desk: Desk) -> None:
    """What waits from before is still there."""
    desk.put("ann@example.com")

    assert desk("outbox", enabled=False).startswith("pending: 1, ")


def test_inline_delivery_has_none(desk: Desk) -> None:
    """And says what to set."""
    assert "Error: FPROM_DELIVERY: inline delivery keeps no outbox" in desk(
        "outbox", code=2, delivery="inline"
    )
