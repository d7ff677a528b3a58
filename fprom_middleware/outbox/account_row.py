"""The row of an account, which all its drainers share, read and written as values."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..events.receipt import Reason
from .schema import VERSION, accounts
from .throttle import CircuitBreaker, RateLimiter, Throttle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class AccountState:
    """What all drainers of one account share.

    Attributes:
        throttle: Pace and pauses.
        got_through_at: When an event last got through to the API, seconds since the epoch.
    """

    throttle: Throttle = field(default_factory=Throttle)
    got_through_at: float | None = None


def read_state(connection: Connection, account: str, *, lock: bool = False) -> AccountState:
    """Read the row of an account; what is damaged in it counts as empty.

    Args:
        connection: Inside a transaction.
        account: FirstPromoter's account id.
        lock: True keeps other drainers from changing it until the transaction ends.

    Returns:
        The state; a fresh one where there is no row.
    """
    statement = sa.select(accounts).where(accounts.c.account == account)
    # The one order in which locks are taken: the account first, then its leads.
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    if row is None:
        return AccountState()
    breaker = CircuitBreaker(
        failures=int(read_number(row.failures) or 0),
        failed_events=_events(row.failed_events),
        paused_since=read_number(row.paused_since),
        paused_until=read_number(row.paused_until),
        pause_reason=row.pause_reason,
    )
    throttle = Throttle(RateLimiter.from_text(row.calls), breaker, _refused(row.refused))
    return AccountState(throttle, read_number(row.got_through_at))


def write_state(connection: Connection, account: str, state: AccountState) -> None:
    """Write the row of an account, and make it where a migration has lost it."""
    breaker = state.throttle.breaker
    values = {
        "failures": breaker.failures,
        "failed_events": " ".join(map(str, breaker.failed_events)),
        "paused_since": breaker.paused_since,
        "paused_until": breaker.paused_until,
        "pause_reason": breaker.pause_reason,
        "refused": _refused_text(state.throttle.refused),
        "got_through_at": state.got_through_at,
        "calls": state.throttle.limiter.to_text(),
    }
    mine = accounts.c.account == account
    if not connection.execute(sa.update(accounts).where(mine).values(**values)).rowcount:
        connection.execute(sa.insert(accounts).values(account=account, version=VERSION, **values))


def read_number(value: Any) -> float | None:
    """Read a number of the table; a value that is not a finite number counts as none."""
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _events(text: object) -> tuple[int, ...]:
    with suppress(ValueError):
        return tuple(int(part) for part in str(text or "").split())
    return ()


def _refused_text(refused: Mapping[str, CircuitBreaker]) -> str:
    return " ".join(
        f"{fingerprint}:{breaker.paused_since}:{breaker.paused_until}"
        for fingerprint, breaker in refused.items()
    )


def _refused(text: object) -> dict[str, CircuitBreaker]:
    refused = {}
    with suppress(ValueError):
        for part in str(text or "").split():
            fingerprint, since, until = part.split(":")
            refused[fingerprint] = CircuitBreaker(
                paused_since=read_number(float(since)),
                paused_until=read_number(float(until)),
                pause_reason=Reason.UNAUTHORIZED,
            )
    return refused
