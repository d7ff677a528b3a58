"""What reached the API, as a table, and whether that is right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .visit import Visitor

State: TypeAlias = "Mapping[str, Sequence[Mapping[str, Any]]]"
"""The sandbox's /state.json: clicks, leads, attempts."""

HEAD = ("shop", "visitor", "e-mail", "tid", "ip", "answer")
NOTHING = "nothing sent, as it should be"
_OK = 200


@dataclass(frozen=True)
class Visited:
    """A visit that was made.

    Attributes:
        visitor: Who came.
        tid: What FirstPromoter called them; None for an organic visitor.
    """

    visitor: Visitor
    tid: str | None


def judge(state: State, visits: Sequence[Visited]) -> list[str]:
    """Compare what arrived with what happened.

    Args:
        state: The sandbox's state.
        visits: All visits that were made.

    Returns:
        What is wrong, a sentence each; empty where all is right.
    """
    problems = []
    for visited in visits:
        problems += _judge_one(_calls_of(state, visited.visitor), visited)
    referred = sum(visited.tid is not None for visited in visits)
    for what in ("attempts", "leads"):
        if len(state[what]) != referred:
            problems.append(f"the API has {len(state[what])} {what}, not {referred}")
    return problems


def _judge_one(calls: list[Call], visited: Visited) -> list[str]:
    visitor = visited.visitor
    who = f"{visitor.name} of the {visitor.shop} shop"
    if visited.tid is None:
        return [f"{who} is organic, but a lead was sent"] if calls else []
    if not calls:
        return [f"{who} was referred, but no lead arrived"]
    if len(calls) > 1:
        return [f"{who} was sent {len(calls)} times"]
    call = calls[0]
    expected = {"answer": _OK, "tid": visited.tid, "ip": visitor.ip}
    found = {"answer": call.status, "tid": call.tid, "ip": call.ip}
    return [
        f"{who} has {name} {found[name]}, not {value}"
        for name, value in expected.items()
        if found[name] != value
    ]


def table(state: State, visits: Sequence[Visited]) -> str:
    """Draw what arrived, a line each visitor and each call.

    Args:
        state: The sandbox's state.
        visits: All visits that were made.

    Returns:
        Plain text.
    """
    rows = [HEAD]
    for visited in visits:
        visitor = visited.visitor
        calls = _calls_of(state, visitor)
        for call in calls:
            cells = (call.tid or "-", call.ip or "-", str(call.status))
            rows.append((visitor.shop, visitor.name, visitor.email, *cells))
        if not calls:
            answer = NOTHING if visited.tid is None else "NOTHING ARRIVED"
            rows.append((visitor.shop, visitor.name, visitor.email, "-", "-", answer))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


@dataclass(frozen=True)
class Call:
    """One sign-up call as the API saw it.

    Attributes:
        status: How it was answered.
        tid: The visitor id that was sent.
        ip: The address that was sent.
    """

    status: int
    tid: str | None
    ip: str | None


def _calls_of(state: State, visitor: Visitor) -> list[Call]:
    calls = []
    for attempt in state["attempts"]:
        sent = json.loads(attempt["sent"])
        if sent.get("email") == visitor.email:
            calls.append(Call(attempt["status"], sent.get("tid"), sent.get("ip")))
    return calls
