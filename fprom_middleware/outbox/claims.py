"""What a drainer holds while it sends: events with a lease, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..events.receipt import Reason, Status
from ..masking import printable
from .payload import PayloadError, decode, read_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Row

    from ..api.protocol import Outcome
    from ..events.kinds import AnyEvent
    from .retry import Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An event that this process may send until its lease ends.

    Attributes:
        id: The row.
        event: What to send.
        keys: Of its customer, e-mail and uid: what waits for it has one of them.
        attempts: Calls so far.
        failed_count: How many of them failed and made the back-off grow.
        not_found_count: How many of them were answered 404.
        own_failures: How many of them failed while other events got through.
        tried_at: When the last of them was made; None before the first.
        queued_at: When it was written; SQLite gives the id of a deleted row to a later one.
        permit_at: When its call is counted, seconds since the epoch.
        lease: When the lease ends, seconds since the epoch; it names the lease too.
        trace: Which request it is of, where that is known.
    """

    id: int
    event: AnyEvent
    keys: tuple[int | None, int | None]
    attempts: int
    failed_count: int
    not_found_count: int
    own_failures: int
    tried_at: float | None
    queued_at: float
    permit_at: float
    lease: float
    trace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one claim brought.

    Attributes:
        claimed: The events.
        probe: True where these are the calls that a pause lets through.
        got_through_at: When an event of the account last got through.
        unreadable: Ids of rows that are damaged and were rejected.
        blocked: How many rows were set aside, for an earlier event of theirs has not ended.
    """

    claimed: Sequence[Claimed] = ()
    probe: bool = False
    got_through_at: float | None = None
    unreadable: Sequence[int] = ()
    blocked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one call came to, and what was decided about its event.

    Attributes:
        claimed: The event that was sent.
        outcome: What came of it.
        at: When, seconds since the epoch.
        retry: When it is tried again; None where it ends.
        own_failure: True where it failed while other events get through.
        expired: True where it ends although the API never answered it for good.
    """

    claimed: Claimed
    outcome: Outcome
    at: float
    retry: Retry | None
    own_failure: bool = False
    expired: bool = False

    @property
    def status(self) -> Status:
        """How the event ends; ``failed`` where it is tried again."""
        if self.retry is not None:
            return Status.FAILED
        return Status.REJECTED if self.expired else self.outcome.status

    @property
    def reason(self) -> Reason | None:
        """Why."""
        return Reason.EXPIRED if self.expired else self.outcome.reason


def read_claimed(row: Row[Any], *, permit_at: float, lease: float) -> Claimed:
    """Read a row that is claimed, by itself.

    Args:
        row: Of the table, damaged or not.
        permit_at: When its call is counted.
        lease: When its lease ends.

    Raises:
        PayloadError: It cannot be read.
    """
    try:
        return Claimed(
            id=row.id,
            event=decode(row.kind, row.payload),
            keys=(row.email_key, row.uid_key),
            attempts=int(row.attempts),
            failed_count=int(row.failed_count),
            not_found_count=int(row.not_found_count),
            own_failures=int(row.own_failures),
            tried_at=read_number(row.tried_at),
            queued_at=float(row.queued_at),
            permit_at=permit_at,
            lease=lease,
            trace=None if row.trace is None else printable(str(row.trace)),
        )
    except (TypeError, ValueError) as error:
        raise PayloadError(type(error).__name__) from None
