"""The commands say what each event is about, masked as any other."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.leads import VISITOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

KINDS = ["signup", "sale", "refund", "cancellation"]
SECRETS = ("CANARY", "ann@", "0001")


def live(desk: Desk) -> None:
    """Hand in a customer's whole life."""
    whom: dict[str, Any] = {"email": "ann@example.com", "uid": "customer-CANARY-0002"}
    desk.fprom.track_signup(VISITOR, **whom)
    paid: dict[str, Any] = {"amount": 1290, "currency": "eur"}
    desk.fprom.track_sale(**whom, event_id="pi_CANARY_0001", **paid, promo_code="CANARY-0001")
    desk.fprom.track_refund(**whom, event_id="re_CANARY_0001", amount=90)
    desk.fprom.track_cancellation(**whom)


def reject(desk: Desk) -> None:
    """Let the API refuse all of it."""
    live(desk)
    desk.api.says = 400
    assert desk.fprom.drain()["rejected"] == 4


def field(shown: str, name: str) -> str:
    """Read a line of what is shown."""
    (line,) = [line for line in shown.splitlines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).strip()


def test_one_event_is_shown_by_its_kind(desk: Desk) -> None:
    """With the amount, which is what a person looks for, and nothing of the customer."""
    live(desk)
    for number, kind in enumerate(KINDS, start=1):
        shown = desk("outbox", "show", str(number))
        assert field(shown, "kind") == kind
        assert field(shown, "state") == "pending"
        assert not any(secret in shown.replace("…0001", "") for secret in SECRETS)
    event = field(desk("outbox", "show", "2"), "event")
    assert event.startswith(
        "Sale(email=a***@example.com, uid=…0002, event_id=…0001, amount=1290, cu"
    )


def test_what_waits_for_an_earlier_one_says_so(desk: Desk) -> None:
    """A person need not wonder why it is not sent."""
    live(desk)
    desk.api.says = 503
    desk.fprom.drain()
    states = [field(desk("outbox", "show", str(number)), "state") for number in range(1, 5)]
    assert states == ["pending", *["pending, behind an earlier event of the customer"] * 3]
    assert "pending: 4" in desk("outbox")


def test_rejected_events_are_listed_by_their_kind(desk: Desk) -> None:
    """On the page, and as JSON."""
    reject(desk)
    listed = desk("outbox")
    rows = [line.split() for line in listed.splitlines() if "bad_request" in line]
    assert [row[1] for row in rows] == KINDS[::-1]
    found = json.loads(desk("outbox", "--json"))["rejected_events"]
    assert [event["kind"] for event in found] == KINDS[::-1]
    assert {event["uid"] for event in found} == {"…0002"}
    assert not any(secret in listed + json.dumps(found) for secret in SECRETS)


def test_an_export_holds_every_kind_whole(desk: Desk, tmp_path: Path) -> None:
    """As the API would get it."""
    reject(desk)
    desk("outbox", "export", str(tmp_path / "events.jsonl"))
    lines = map(json.loads, (tmp_path / "events.jsonl").read_text().splitlines())
    told = {line["kind"]: line["event"] for line in lines}
    assert list(told) == KINDS
    assert told["sale"]["event_id"] == "pi_CANARY_0001"
    assert told["refund"]["amount"] == "90"


def test_what_is_tried_again_goes_in_order(desk: Desk) -> None:
    """All of a customer's, after the mistake was mended."""
    reject(desk)
    desk.api.says = 200
    desk.api.seen.clear()
    assert desk("outbox", "retry", "--all") == "4 events due now\n"
    assert desk.fprom.drain()["sent"] == 4
    assert [call.url.rpartition("/")[2] for call in desk.api.seen] == KINDS


def test_what_is_deleted_lets_the_next_one_go(desk: Desk) -> None:
    """A sign-up that a person takes away keeps no sale waiting."""
    live(desk)
    desk.api.says = 503
    desk.fprom.drain()
    desk.api.says = 200
    desk.api.seen.clear()
    assert desk("outbox", "delete", "1", "--yes") == "1 event deleted\n"
    assert desk.fprom.drain()["sent"] == 3


@pytest.mark.parametrize("value", ["subscription", 5, b"\xff", "a\u202eb", ""])
@pytest.mark.parametrize("column", ["kind", "reason"])
def test_what_is_neither_kind_nor_reason_can_be_looked_at(
    desk: Desk, tmp_path: Path, column: str, value: object
) -> None:
    """Shown, listed, exported and deleted."""
    reject(desk)
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as connection, connection:
        statement = f"UPDATE fprom_outbox SET {column} = ? WHERE id = 2"  # noqa: S608 - a test's own
        connection.execute(statement, [value])
    assert ("unreadable" in desk("outbox", "show", "2")) == (column == "kind")
    assert "\u202e" not in desk("outbox") + desk("outbox", "show", "2")
    json.loads(desk("outbox", "--json"))
    desk("outbox", "export", str(tmp_path / "events.jsonl"))
    assert desk("outbox", "delete", "2", "--yes") == "1 event deleted\n"
