"""The demo's judgement: what it lets pass and what it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from examples.journey.report import NOTHING, State, Visited, judge, table
from examples.journey.visit import Visitor

REFERRED = Visited(Visitor("flask", "berta", "203.0.113.7", "anna"), "tid-1")
ORGANIC = Visited(Visitor("flask", "carl", "203.0.113.8", None), None)
VISITS = [REFERRED, ORGANIC]


def call(visited: Visited = REFERRED, *, status: int = 200, **fields: str | None) -> dict[str, Any]:
    """Make a sign-up call as the sandbox lists it."""
    visitor = visited.visitor
    sent = {"email": visitor.email, "tid": visited.tid, "ip": visitor.ip} | fields
    return {"status": status, "sent": json.dumps(sent)}


def state(*calls: dict[str, Any]) -> State:
    """Make a state out of calls."""
    return {"attempts": calls, "leads": [one for one in calls if one["status"] == 200]}


def test_right_state_has_no_problem() -> None:
    """One lead of the referred visitor and nothing of the organic one is right."""
    assert judge(state(call()), VISITS) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (state(), "berta of the flask shop was referred, but no lead arrived"),
        (state(call(), call(status=422)), "berta of the flask shop was sent 2 times"),
        (state(call(ip=None)), "has ip None, not 203.0.113.7"),
        (state(call(ip="127.0.0.1")), "has ip 127.0.0.1, not 203.0.113.7"),
        (state(call(tid="tid-2")), "has tid tid-2, not tid-1"),
        (state(call(status=404)), "has answer 404, not 200"),
        (state(call(), call(ORGANIC)), "carl of the flask shop is organic, but a lead was sent"),
        (state(call(), call(email="x@example.com")), "the API has 2 leads, not 1"),
    ],
)
def test_wrong_state_is_named(wrong: State, problem: str) -> None:
    """Each way to be wrong is told in words."""
    assert problem in "; ".join(judge(wrong, VISITS))


def test_table_says_what_is_missing() -> None:
    """A referred visitor without a lead stands out from an organic one."""
    head, _, referred, organic = table(state(), VISITS).splitlines()
    assert head.split() == ["shop", "visitor", "e-mail", "tid", "ip", "answer"]
    assert referred.endswith("NOTHING ARRIVED")
    assert organic.endswith(NOTHING)
