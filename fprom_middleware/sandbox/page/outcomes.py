"""What an answer means to the app that called: done, comes again, or a person must act."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ..received import Kind

TRIES: Final = 5
"""How often a sign-up is tried whose visitor is unknown; then the app gives it up."""


class Look(StrEnum):
    """The meaning, which the page shows by a colour, a mark and a word."""

    DELIVERED = "delivered"
    AGAIN = "again"
    ACT = "act"
    NEUTRAL = "neutral"


MARKS: Final = {Look.DELIVERED: "✓", Look.AGAIN: "↻", Look.ACT: "✗", Look.NEUTRAL: "○"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an event.

    Attributes:
        look: What it means.
        words: The same in words.
    """

    look: Look
    words: str


_NOT_REFERRED: Final = Outcome(Look.NEUTRAL, "no referral")
_BY_STATUS: Final = {
    0: Outcome(Look.AGAIN, "no answer"),
    200: Outcome(Look.DELIVERED, "delivered"),
    204: _NOT_REFERRED,
    400: Outcome(Look.ACT, "bad request"),
    401: Outcome(Look.ACT, "wrong key or account"),
    403: Outcome(Look.ACT, "forbidden"),
    408: Outcome(Look.AGAIN, "comes again"),
    409: Outcome(Look.DELIVERED, "known already"),
    413: Outcome(Look.ACT, "too long"),
    414: Outcome(Look.ACT, "too long"),
    422: Outcome(Look.DELIVERED, "known already"),
    429: Outcome(Look.AGAIN, "too many, comes again"),
    431: Outcome(Look.ACT, "too long"),
}


def judge_outcome(kind: Kind, status: int, *, tries: int, has_tid: bool) -> Outcome:
    """Say what the newest answer to an event means.

    Args:
        kind: The event's kind.
        status: The status of the answer; 0 for none.
        tries: How often the event was sent.
        has_tid: Whether it names a visitor.

    Returns:
        What fprom-middleware makes of it.
    """
    if status == 404:  # noqa: PLR2004 - the one status whose meaning is not its own
        if kind is not Kind.SIGNUP and not has_tid:
            return _NOT_REFERRED
        if tries < TRIES:
            return Outcome(Look.AGAIN, "unknown visitor, comes again")
        return Outcome(Look.ACT, "unknown visitor") if kind is Kind.SIGNUP else _NOT_REFERRED
    return _BY_STATUS.get(status, Outcome(Look.AGAIN, "comes again"))
