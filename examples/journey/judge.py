"""Whether what reached the API is what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import KINDS, calls_of, commissions_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .calls import Call, State, Visited

COMMISSION = 480
"""A fifth of the shops' price, in minor units."""


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
        who = f"{visited.visitor.name} of the {visited.visitor.shop} shop"
        problems += [f"{who} {problem}" for problem in _judge_one(state, visited)]
    expected = {
        "attempts": sum(len(visited.answers) for visited in visits),
        "leads": sum(visited.tid is not None for visited in visits),
    }
    problems += [
        f"the API has {len(state[what])} {what}, not {number}"
        for what, number in expected.items()
        if len(state[what]) != number
    ]
    return problems


def _judge_one(state: State, visited: Visited) -> Iterator[str]:
    calls = calls_of(state, visited.visitor)
    for kind in KINDS:
        yield from _judge_kind(kind, [call for call in calls if call.kind == kind], visited)
    ref = visited.visitor.ref
    earned = [] if ref is None else [(ref, COMMISSION), (ref, -COMMISSION)]
    found = commissions_of(state, visited.visitor)
    if found != earned:
        yield f"earned promoters {found}, not {earned}"


def _judge_kind(kind: str, calls: list[Call], visited: Visited) -> Iterator[str]:
    answer = visited.answers.get(kind)
    if answer is None:
        if calls:
            yield f"is organic, but a {kind} was sent"
        return
    if len(calls) != 1:
        yield f"has {len(calls)} calls of the kind {kind}, not 1"
        return
    call = calls[0]
    if call.status != answer:
        yield f"has {kind} answered {call.status}, not {answer}"
    if kind == "signup":
        for name, found, expected in (
            ("tid", call.tid, visited.tid),
            ("ip", call.ip, visited.visitor.ip),
        ):
            if found != expected:
                yield f"has {name} {found}, not {expected}"
