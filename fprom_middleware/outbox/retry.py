"""What becomes of a lead after a call. Pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.protocol import Outcome

UNKNOWN_VISITOR_WAITS: Final = (10.0, 50.0, 240.0, 600.0)
"""Seconds from one try to the next while the API does not know the visitor yet: the browser
reports its click by itself and may be slower. Tries are at 0, 10 s, 1, 5 and 15 minutes."""
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 3600.0
RATE_LIMITED_WAIT: Final = 60.0


@dataclass(frozen=True, slots=True)
class Later:
    """Try again.

    Attributes:
        due_at: Seconds since the epoch.
        unknown: True where the API did not know the visitor.
    """

    due_at: float
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The lead's story ends here.

    Attributes:
        status: ``sent``, ``duplicate`` or ``rejected``.
        reason: Why it was rejected.
    """

    status: Status
    reason: Reason | None = None


def next_step(
    outcome: Outcome,
    *,
    attempts: int,
    unknowns: int,
    now: float,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Later | Ended:
    """Decide what becomes of a lead.

    Args:
        outcome: What the call came to.
        attempts: Calls before this one.
        unknowns: How many of them were answered 404.
        now: Seconds since the epoch, after the call.
        jitter: Draws a number between two.

    Returns:
        When to try again, or how it ended. There is no last try: a lead ends by an answer only.
    """
    if outcome.reason is Reason.UNKNOWN_VISITOR and unknowns < len(UNKNOWN_VISITOR_WAITS):
        return Later(now + UNKNOWN_VISITOR_WAITS[unknowns], unknown=True)
    if outcome.status is not Status.FAILED:
        return Ended(outcome.status, outcome.reason)
    # Full jitter: a herd of leads that failed together shall not come back together.
    wait = jitter(0.0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 20)))
    least = outcome.retry_after
    if least is None and outcome.reason is Reason.RATE_LIMITED:
        least = RATE_LIMITED_WAIT
    return Later(now + max(wait, least or 0.0))
