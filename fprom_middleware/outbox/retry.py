"""Whether and when a lead is tried again after a call. Pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.protocol import Outcome

NOT_FOUND_WAITS: Final = (10.0, 50.0, 240.0, 600.0)
"""Seconds from one try to the next while the API does not know the visitor yet: the browser
reports its click by itself and may be slower. Tries are at 0, 10 s, 1, 5 and 15 minutes."""
FIRST_WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 3600.0
RATE_LIMITED_WAIT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again.

    Attributes:
        due_at: Seconds since the epoch.
        not_found: True where the API did not know the visitor.
    """

    due_at: float
    not_found: bool = False


def decide(
    outcome: Outcome,
    *,
    attempts: int,
    not_found_count: int,
    now: float,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Retry | None:
    """Decide whether a lead is tried again.

    Args:
        outcome: What the call came to.
        attempts: Calls before this one.
        not_found_count: How many of them were answered 404.
        now: Seconds since the epoch, after the call.
        jitter: Draws a number between two.

    Returns:
        When to try again; None where the lead ends as the outcome says. There is no last try: a
        lead ends by an answer only.
    """
    if outcome.reason is Reason.UNKNOWN_VISITOR and not_found_count < len(NOT_FOUND_WAITS):
        return Retry(now + NOT_FOUND_WAITS[not_found_count], not_found=True)
    if outcome.status is not Status.FAILED:
        return None
    # Full jitter: a herd of leads that failed together shall not come back together.
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 20))
    wait = jitter(0.0, longest)
    least = outcome.retry_after
    if least is None and outcome.reason is Reason.RATE_LIMITED:
        least = RATE_LIMITED_WAIT_SECONDS
    return Retry(now + max(wait, least or 0.0))
