"""The row of an account, which all its drainers share, read and written as values."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import sqlalchemy as sa

from ..database.schema import VERSION, accounts
from ..events.receipt import Reason, Status
from .payload import read_number
from .throttle import CircuitBreaker, RateLimiter, Throttle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from .claims import Answer, Claimed

GOT_THROUGH_EVERY_SECONDS: Final = 1.0
"""How exactly it is kept when an event last got through: a write for each would be too many."""


@dataclass(frozen=True, slots=True)
class AccountState:
    """What all drainers of one account share.

    Attributes:
        throttle: Pace and pauses.
        got_through_at: When an event last got through to the API, seconds since the epoch.
    """

    throttle: Throttle = field(default_factory=Throttle)
    got_through_at: float | None = None

    def after(
        self,
        answers: Sequence[Answer],
        credentials: str,
        *,
        probe: bool,
        unused: Sequence[Claimed] = (),
    ) -> AccountState:
        """Take note of what calls came to.

        Args:
            answers: The calls, in order.
            credentials: The fingerprint of those that were sent.
            probe: Whether these were the calls that a pause lets through.
            unused: Events for which a call was let through and not made.

        Returns:
            The state after them.
        """
        throttle, got_through_at = self.throttle, self.got_through_at
        if unused:
            limiter = throttle.limiter.release(len(unused), acquired_at=unused[0].permit_at)
            throttle = replace(throttle, limiter=limiter)
        for answer in answers:
            throttle = throttle.after(
                answer.outcome,
                credentials=credentials,
                event=answer.claimed.id,
                now=answer.at,
                probe=probe,
            )
            got_through = answer.outcome.status is not Status.FAILED
            if got_through and not _is_recent(got_through_at, answer.at):
                got_through_at = answer.at
        return AccountState(throttle, got_through_at)


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
    # The one order in which locks are taken: the account first, then its events.
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


def _is_recent(moment: float | None, now: float) -> bool:
    return moment is not None and 0.0 <= now - moment < GOT_THROUGH_EVERY_SECONDS


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
