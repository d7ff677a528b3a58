"""``find``: what became of one customer's sign-up, for those who answer support."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import TrackingContext
from fprom_middleware.settings.model import NO_API_KEY
from tests.cli.conftest import run_fprom
from tests.support.accounts import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk

ANN = "ann@example.com"
SECRETS = (ANN, "tid-of-a-visitor", "203.0.113.77", KEY)


def states(answer: str) -> list[str]:
    """Read the third column of the table, below the line that says where."""
    return [line.split()[2] for line in answer.splitlines()[2:]]


def test_all_that_became_of_a_customer_is_said(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """What was sent and how it was answered, what was rejected and why, what waits; masked."""
    caplog.set_level(logging.DEBUG)
    desk.put(ANN)
    desk.clock.later(60)
    desk.fprom.drain()
    desk.api.says = 422
    desk.put(ANN)
    desk.fprom.drain()
    desk.reject(ANN, "bob@example.com")
    desk.put("bob@example.com", ANN)

    answer = desk("find", " Ann@Example.com")
    head, *lines = (" ".join(line.split()) for line in answer.splitlines()[1:])
    assert head == "id kind state queued at ended at calls reason who tid"
    early, late = "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"
    assert lines == [
        f"1 signup sent {early} {late} 1 - - …itor",
        f"2 signup duplicate {late} {late} 1 - - …itor",
        f"3 signup rejected {late} {late} 1 bad_request a***@example.com …itor",
        f"6 signup pending {late} - 0 - a***@example.com …itor",
    ]
    assert not any(secret in answer + caplog.text for secret in SECRETS)


def test_a_uid_and_a_sale_are_found(desk: Desk) -> None:
    """The sale of a customer whom no promoter has sent was skipped, and that is said."""
    desk.api.says = 204
    desk.fprom.track_sale(uid="4711", event_id="pi_1", amount=1290)
    desk.fprom.drain()

    answer = desk("find", "4711")
    assert answer.splitlines()[2].split()[1:3] == ["sale", "skipped"]
    assert "not_referred" in answer
    assert states(desk("find", "471"))[:1] != ["skipped"]


@pytest.mark.parametrize(
    ("days", "said"),
    [(30, "delivered more than 30 days ago"), (0, "delivered (FPROM_HISTORY_DAYS=0)")],
)
def test_of_a_visitor_who_was_skipped_nothing_is_stored(desk: Desk, days: int, said: str) -> None:
    """The reasons that there can be, for a person to choose from; that is no failure."""
    fprom = desk.make(history_days=days)
    assert fprom.track_signup(TrackingContext(), ANN).reason == "organic"
    fprom.stats()

    answer = desk("find", ANN, history_days=days)
    assert (
        "nothing is stored of this customer: the visitor was organic or without consent" in answer
    )
    assert said in answer
    assert "FPROM_API_KEY" not in answer


def test_a_pause_is_said_where_something_waits_for_its_end(desk: Desk) -> None:
    """And where nothing of the customer waits, it is none of their business."""
    desk.put(ANN)
    desk.fprom.drain()
    desk.put("bob@example.com")
    desk.api.says = 401
    desk.fprom.drain()

    assert "paused since" in desk("find", "bob@example.com")
    assert "paused since" not in desk("find", ANN)


def test_a_program_gets_json(desk: Desk, tmp_path: Path) -> None:
    """Of each event all that is known, moments in UTC."""
    desk.put(ANN)
    desk.fprom.drain()
    desk.put(ANN)

    answer = desk("find", ANN, "--json")
    figures = json.loads(answer)
    assert figures["outbox"] == f"{tmp_path}/outbox.db"
    assert (figures["history"], figures["history_days"]) == (True, 30)
    sent, waiting = figures["events"]
    moment = "2027-01-15T08:00:00Z"
    assert sent == {
        "id": 1,
        "kind": "signup",
        "state": "delivered",
        "status": "sent",
        "reason": None,
        "blocked": False,
        "queued_at": moment,
        "created_at": moment,
        "due_at": None,
        "rejected_at": None,
        "delivered_at": moment,
        "attempts": 1,
        "who": None,
        "tid": "…itor",
    }
    assert (waiting["state"], waiting["who"], waiting["due_at"]) == (
        "pending", "a***@example.com", moment,
    )  # fmt: skip
    assert not any(secret in answer for secret in SECRETS)


def test_no_name_is_a_mistake(desk: Desk) -> None:
    """It would be everybody's."""
    assert "name an e-mail address or a uid" in desk("find", " ", code=2)


@pytest.mark.slow
def test_without_the_key_history_is_not_looked_for(
    environ: dict[str, str], desk: Desk, tmp_path: Path
) -> None:
    """That is said, to a program too; what waits and was rejected needs the account id only."""
    desk.put(ANN)
    desk.fprom.drain()
    desk.reject(ANN)
    environ |= {"FPROM_OUTBOX_URL": desk.url}
    del environ["FPROM_API_KEY"]

    told = run_fprom(f"find {ANN}", environ, tmp_path)
    assert (told.returncode, states(told.stdout)[0], told.stderr) == (0, "rejected", "")
    assert "FPROM_API_KEY is not set: what was delivered is found with it only" in told.stdout
    figures = json.loads(run_fprom(f"find {ANN} --json", environ, tmp_path).stdout)
    assert (figures["history"], len(figures["events"])) == (False, 1)
    refused = run_fprom(f"outbox delete --of {ANN} --yes", environ, tmp_path)
    assert (refused.returncode, "cannot be found without FPROM_API_KEY" in refused.stderr) == (
        1,
        True,
    )


def test_no_outbox_is_no_failure(desk: Desk, tmp_path: Path) -> None:
    """A look makes nothing; a program gets null for the place."""
    assert "there is no outbox yet" in desk("find", ANN)
    assert json.loads(desk("find", ANN, "--json"))["outbox"] is None
    assert list(tmp_path.iterdir()) == []


# --- Erasure ------------------------------------------------------------------------------


def test_a_customer_is_erased(desk: Desk) -> None:
    """What was sent, what was rejected and what waits, and nobody else's; asked for once."""
    desk.put(ANN, "bob@example.com")
    desk.fprom.drain()
    desk.reject(ANN)
    desk.put(ANN)

    assert "there is no terminal to ask on" in desk("outbox", "delete", "--of", ANN, code=2)
    assert desk("outbox", "delete", "--of", ANN, "--yes") == "3 events deleted\n"
    assert "nothing is stored" in desk("find", ANN)
    assert states(desk("find", "bob@example.com")) == ["sent"]
    assert desk("outbox", "delete", "--of", ANN, "--yes") == "0 events deleted\n"


@pytest.mark.parametrize("more", [("1",), ("--all",)])
def test_who_is_erased_must_be_said_once(more: tuple[str, ...], desk: Desk) -> None:
    """Not together with ids, and not by a blank."""
    desk.put(ANN)
    desk("outbox", "delete", "--of", ANN, *more, code=2)
    desk("outbox", "delete", "--of", "", code=2)


# --- History in the other commands --------------------------------------------------------


def test_the_newest_of_a_state_are_listed(desk: Desk) -> None:
    """`outbox` and `outbox list`, in words and for a program."""
    desk.put(ANN)
    desk.fprom.drain()
    desk.reject("bob@example.com")
    desk.put("carl@example.com")

    for state, number in [("delivered", 1), ("rejected", 2), ("pending", 3)]:
        shown = [desk("outbox", *word, "--state", state) for word in ((), ("list",))]
        assert shown[0] == shown[1]
        assert [line.split()[0] for line in shown[0].splitlines()[2:]] == [str(number)]
        figures = json.loads(desk("outbox", "list", "--state", state, "--json"))
        assert [event["id"] for event in figures["events"]] == [number]
        assert (figures["pending"], figures["rejected"]) == (1, 1)


def test_a_delivered_event_is_shown_and_not_retried(desk: Desk) -> None:
    """There is nothing left of it that could be."""
    desk.put(ANN)
    desk.fprom.drain()

    shown = desk("outbox", "show", "1")
    fields = dict(line.split(maxsplit=1) for line in shown.replace(" at ", "_at ").splitlines())
    assert (fields["state"], fields["delivered_at"]) == ("sent", "2027-01-15T08:00:00Z")
    assert fields["event"] == "delivered: its personal data are gone"
    told = desk("outbox", "retry", "1", code=1)
    assert "event 1 is delivered: nothing is left of it that could be sent" in told
    assert desk("outbox", "delete", "--all", "--yes") == "0 events deleted\n"


def test_an_export_has_the_history_too(desk: Desk, tmp_path: Path) -> None:
    """Without a payload, and with its state."""
    desk.put(ANN)
    desk.fprom.drain()
    desk("outbox", "export", str(tmp_path / "all.jsonl"))
    desk("outbox", "export", str(tmp_path / "rejected.jsonl"), "--rejected")

    (line,) = (tmp_path / "all.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert (row["state"], row["status"], row["event"]) == ("delivered", "sent", None)
    assert (tmp_path / "rejected.jsonl").read_text() == ""


def test_without_the_key_nothing_is_deleted_by_name(desk: Desk) -> None:
    """What was delivered would stay behind; and what can be found is found all the same."""
    desk.reject(ANN)

    refused = desk("outbox", "delete", "--of", ANN, "--yes", code=1, api_key=NO_API_KEY)
    assert "cannot be found without FPROM_API_KEY" in refused
    found = desk("find", ANN, api_key=NO_API_KEY)
    assert (states(found)[0], "FPROM_API_KEY is not set" in found) == ("rejected", True)
