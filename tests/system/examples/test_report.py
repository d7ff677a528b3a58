"""The demo's judgement: what it lets pass and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from examples.journey.calls import KINDS, State, Visited
from examples.journey.judge import COMMISSION, judge
from examples.journey.report import table
from examples.journey.visit import Visitor

REFERRED = Visited(Visitor("flask", "berta", "203.0.113.7", "anna"), "tid-1")
ORGANIC = Visited(Visitor("flask", "carl", "203.0.113.8", None), None)
VISITS = [REFERRED, ORGANIC]


def call(
    kind: str = "signup", visited: Visited = REFERRED, *, status: int = 0, **fields: str | None
) -> dict[str, Any]:
    """Make a call as the sandbox lists it."""
    sent: dict[str, Any] = {"email": visited.visitor.email}
    if kind == "signup":
        sent |= {"tid": visited.tid, "ip": visited.visitor.ip}
    status = status or visited.answers.get(kind, 200)
    return {"kind": kind, "status": status, "sent": json.dumps(sent | fields)}


RIGHT = [call(kind, one) for one in VISITS for kind in KINDS if kind in one.answers]


def state(*calls: dict[str, Any], promoter: str = "anna", back: int = COMMISSION) -> State:
    """Make a state out of calls."""
    earned = {
        kind: [
            {
                "customer": {"email": json.loads(one["sent"])["email"]},
                "promoter": promoter,
                "commission": commission,
            }
            for one in calls
            if (one["kind"], one["status"]) == (kind, 200)
        ]
        for kind, commission in (("sale", COMMISSION), ("refund", -back))
    }
    leads = [one for one in calls if (one["kind"], one["status"]) == ("signup", 200)]
    return {
        "attempts": calls,
        "leads": leads,
        "sales": earned["sale"],
        "refunds": earned["refund"],
    }


def instead(kind: str, visited: Visited = REFERRED, **changes: Any) -> State:
    """Make the right state, but for one call."""
    wrong = call(kind, visited, **changes)
    return state(*(wrong if one == call(kind, visited) else one for one in RIGHT))


def without(kind: str) -> State:
    """Make the right state, less one kind of calls."""
    return state(*(one for one in RIGHT if one["kind"] != kind))


def test_right_state_has_no_problem() -> None:
    """All calls of the referred visitor, and all but the sign-up of the organic one, are right."""
    assert judge(state(*RIGHT), VISITS) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (state(), "berta of the flask shop has 0 calls of the kind signup, not 1"),
        (state(*RIGHT, call()), "berta of the flask shop has 2 calls of the kind signup, not 1"),
        (instead("signup", ip=None), "has ip None, not 203.0.113.7"),
        (instead("signup", ip="127.0.0.1"), "has ip 127.0.0.1, not 203.0.113.7"),
        (instead("signup", tid="tid-2"), "has tid tid-2, not tid-1"),
        (instead("signup", status=404), "has signup answered 404, not 200"),
        (state(*RIGHT, call("signup", ORGANIC)), "carl of the flask shop is organic, but a signup"),
        (state(*RIGHT, call(email="x@example.com")), "the API has 2 leads, not 1"),
        (state(*RIGHT, call("sale")), "berta of the flask shop has 2 calls of the kind sale"),
        (instead("sale", ORGANIC, status=200), "carl of the flask shop has sale answered 200"),
        (without("sale"), "carl of the flask shop has 0 calls of the kind sale"),
        (without("cancellation"), "has 0 calls of the kind cancellation, not 1"),
        (state(*RIGHT, promoter="bea"), "earned promoters [('bea', 480), ('bea', -480)]"),
        (state(*RIGHT, back=100), "earned promoters [('anna', 480), ('anna', -100)]"),
        (without("refund"), "earned promoters [('anna', 480)], not"),
    ],
)
def test_wrong_state_is_named(wrong: State, problem: str) -> None:
    """Each way to be wrong is told in words."""
    assert problem in "; ".join(judge(wrong, VISITS))


def test_table_shows_each_answer_and_what_was_earned() -> None:
    """A line a visitor: the answers of the four calls, and the promoter's commission."""
    head, _, referred, organic, *_ = table(state(*RIGHT), VISITS).splitlines()
    columns = ["shop", "visitor", "tid", "ip", "signup", "sale", "refund", "cancellation", "earned"]
    assert head.split() == columns
    assert referred.split()[4:] == ["200", "200", "200", "200", "anna", "+480,", "anna", "-480"]
    assert organic.split()[2:] == ["-", "-", "-", "404", "204", "204", "-"]


def test_table_shows_what_is_missing_and_what_came_twice() -> None:
    """No call is a dash, two are two answers."""
    _, _, referred, *_ = table(state(call(), call(status=422)), VISITS).splitlines()
    assert referred.split()[6:] == ["200,", "422", "-", "-", "-", "-"]
