"""What the API was told of a visitor, read from the sandbox's state."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .visit import Visitor

State: TypeAlias = "Mapping[str, Sequence[Mapping[str, Any]]]"
"""The sandbox's /state.json: leads, sales, refunds, attempts and more."""

KINDS = ("signup", "sale", "refund", "cancellation")
REFERRED = dict.fromkeys(KINDS, 200)
ORGANIC = {"sale": 404, "refund": 204, "cancellation": 204}
"""How the API answers each call. Nobody is told of an organic sign-up; what such a customer pays is
sent, for FirstPromoter knows which customers were referred."""


@dataclass(frozen=True)
class Visited:
    """A visit that was made.

    Attributes:
        visitor: Who came.
        tid: What FirstPromoter called them; None for an organic visitor.
    """

    visitor: Visitor
    tid: str | None

    @property
    def answers(self) -> Mapping[str, int]:
        """How the API is to answer, by the kind of call; a kind that is not there is not sent."""
        return ORGANIC if self.tid is None else REFERRED


@dataclass(frozen=True)
class Call:
    """One call as the API saw it.

    Attributes:
        kind: Which of the four.
        status: How it was answered.
        tid: The visitor id that was sent.
        ip: The address that was sent.
    """

    kind: str
    status: int
    tid: str | None
    ip: str | None


def calls_of(state: State, visitor: Visitor) -> list[Call]:
    """Return the calls that name a visitor, oldest first."""
    calls = []
    for attempt in state["attempts"]:
        sent = json.loads(attempt["sent"])
        if sent.get("email") == visitor.email:
            calls.append(Call(attempt["kind"], attempt["status"], sent.get("tid"), sent.get("ip")))
    return calls


def commissions_of(state: State, visitor: Visitor) -> list[tuple[str, int]]:
    """Return who earned how much by a visitor: by the sales, then by the refunds, below zero."""
    return [
        (event["promoter"], event["commission"])
        for event in (*state["sales"], *state["refunds"])
        if event["customer"]["email"] == visitor.email
    ]
