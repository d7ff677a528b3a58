"""Whether and when an event is tried again after a call, and when it has an end. Pure decisions."""

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
OWN_FAILURES_TO_EXPIRE: Final = 100
EXPIRY_SECONDS: Final = 30 * 86400.0
"""An event that has failed by itself for so long, and so often, ends as ``expired``."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again.

    Attributes:
        due_at: Seconds since the epoch.
        not_found: True where the API did not know the visitor.
        backed_off: True where the next back-off is longer.
    """

    due_at: float
    not_found: bool = False
    backed_off: bool = False


def decide(
    outcome: Outcome,
    *,
    failed_count: int,
    not_found_count: int,
    now: float,
    jitter: Callable[[float, float], float] = random.uniform,
) -> Retry | None:
    """Decide whether an event is tried again.

    Args:
        outcome: What the call came to.
        failed_count: Calls before this one that failed and made the back-off grow.
        not_found_count: Calls before this one that were answered 404.
        now: Seconds since the epoch, after the call.
        jitter: Draws a number between two.

    Returns:
        When to try again; None where the event ends as the outcome says.
    """
    if outcome.early and not_found_count < len(NOT_FOUND_WAITS):
        return Retry(now + NOT_FOUND_WAITS[not_found_count], not_found=True)
    if outcome.status is not Status.FAILED:
        return None
    if outcome.reason is Reason.UNAUTHORIZED:
        # It is the operator's mistake and none of the event's: the pause is what waits.
        return Retry(now)
    # Full jitter: a herd of events that failed together shall not come back together.
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(failed_count, 20))
    wait = jitter(0.0, longest)
    least = outcome.retry_after
    if least is None and outcome.reason is Reason.RATE_LIMITED:
        least = RATE_LIMITED_WAIT_SECONDS
    return Retry(now + max(wait, least or 0.0), backed_off=True)


def is_own_failure(outcome: Outcome, *, since: float, got_through_at: float | None) -> bool:
    """Say whether a failed call speaks against its event, and not against the API.

    Args:
        outcome: What the call came to.
        since: When the event was last tried, or queued, seconds since the epoch.
        got_through_at: When another event last got through; None where none ever did.

    Returns:
        True for an answer that the API gives for an event, while others get through.
    """
    code = outcome.code
    if outcome.status is not Status.FAILED or code is None or got_through_at is None:
        return False
    refuses = outcome.reason is Reason.UNAUTHORIZED
    suspect = 500 <= code <= 599 or code in {403, 408}  # noqa: PLR2004 - HTTP's own numbers
    return suspect and not refuses and got_through_at >= since


def is_expired(*, own_failures: int, queued_at: float, now: float) -> bool:
    """Say whether an event has failed by itself for long enough to end."""
    return own_failures >= OWN_FAILURES_TO_EXPIRE and now - queued_at >= EXPIRY_SECONDS
