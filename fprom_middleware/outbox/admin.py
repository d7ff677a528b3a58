"""The outbox as a person looks at it: its ages, its rejected events, and every row."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

import sqlalchemy as sa

from ..database.order_keys import order_keys
from ..database.schema import leads
from ..database.statements import set_order_keys
from ..errors import FpromConfigError
from ..events.lead import Lead
from ..masking import mask_email, mask_tail
from ..settings.choices import DeliveryMode
from .account_row import read_state
from .due import DELIVERED, REJECTED
from .payload import PayloadError, decode
from .store import open_outbox
from .turns import free_next

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Connection, Row

    from ..events.event import Kind
    from ..events.kinds import AnyEvent
    from ..settings.model import FpromSettings
    from .stats import Stats
    from .store import Outbox

AGES: Final = (
    ("under_1m", 60.0),
    ("under_10m", 600.0),
    ("under_1h", 3600.0),
    ("under_24h", 86400.0),
)
"""Names and upper bounds, in seconds, of the ages that pending events are counted by."""
OLDEST: Final = "older"
_PAGE: Final = 500
_MOST_ID: Final = 2**63 - 1


class State(StrEnum):
    """What has become of a row so far."""

    PENDING = "pending"
    REJECTED = "rejected"
    DELIVERED = "delivered"


_WHERE: Final = {
    State.PENDING: (leads.c.due_at.is_not(None),),
    State.REJECTED: REJECTED,
    State.DELIVERED: DELIVERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """An event in the outbox, with everything that is known about it.

    Attributes:
        id: The row.
        queued_at: When it was written, seconds since the epoch.
        due_at: When it is sent next; None once it has ended.
        attempts: Calls so far.
        rejected_at: When the API refused it for good.
        delivered_at: When the API had it.
        status: How a delivered one ended: sent, duplicate or skipped.
        reason: Why.
        blocked: Whether it waits for an earlier event of the same customer.
        kind: What it is about.
        event: What will be, or would have been, sent; None once it is delivered, and where the row
            cannot be read.
        payload: The event as the row has it.
        created_at: Of what a delivered one leaves: the event's own moment.
        tid_tail: The same: the end of its tid, "" of a short one.
    """

    id: int
    queued_at: float
    due_at: float | None
    attempts: int
    rejected_at: float | None
    delivered_at: float | None
    status: str | None
    reason: str | None
    blocked: bool
    kind: str
    event: AnyEvent | None
    payload: str | None = field(repr=False)
    created_at: float | None
    tid_tail: str | None

    @property
    def rejected(self) -> bool:
        """True where the API will never take it."""
        return self.state is State.REJECTED

    @property
    def state(self) -> State:
        """What has become of it so far."""
        if self.due_at is not None:
            return State.PENDING
        return State.REJECTED if self.delivered_at is None else State.DELIVERED

    @property
    def who(self) -> str | None:
        """Whom it is about, masked; None where the row cannot be read."""
        if self.event is None:
            return None
        return mask_email(self.event.email) or f"uid {mask_tail(self.event.uid)}"

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of the table, damaged or not."""
        try:
            event = decode(row.kind, row.payload)
        except PayloadError:
            event = None
        return cls(
            id=row.id,
            queued_at=row.queued_at,
            due_at=row.due_at,
            attempts=row.attempts,
            rejected_at=row.rejected_at,
            delivered_at=row.delivered_at,
            status=None if row.status is None else str(row.status),
            # SQLite lets bytes stand in any column.
            reason=None if row.reason is None else str(row.reason),
            blocked=bool(row.blocked) and row.due_at is not None,
            kind=str(row.kind),
            event=event,
            payload=row.payload or None,
            created_at=row.created_at,
            tid_tail=None if row.tid_tail is None else str(row.tid_tail),
        )


class Inspection:
    """Looks at the rows of one account, and changes them where a person asks for it.

    Args:
        outbox: The account's outbox.
        account: FirstPromoter's account id.
        clock: Seconds since the epoch.
    """

    def __init__(self, outbox: Outbox, account: str, clock: Callable[[], float]) -> None:
        self.outbox = outbox
        self.account = account
        self._database = outbox.database
        self._mine = leads.c.account == account
        self._clock = clock

    @property
    def place(self) -> str:
        """Where the outbox is: an absolute path, or a server without its password."""
        return self._database.place

    def stats(self) -> Stats:
        """Count, as ``Fprom.stats()`` does."""
        return self.outbox.stats()

    def ages(self) -> dict[str, int]:
        """Count the pending events by age."""
        age = self._clock() - leads.c.queued_at
        name = sa.case(*((age < bound, label) for label, bound in AGES), else_=OLDEST)
        counted = (
            sa.select(name.label("age"), sa.func.count().label("events"))
            .where(self._mine, leads.c.due_at.is_not(None))
            .group_by(sa.text("age"))
        )
        rows = self._database.read(lambda connection: connection.execute(counted).all())
        found = {row.age: row.events for row in rows}
        return {label: found.get(label, 0) for label in (*(label for label, _ in AGES), OLDEST)}

    def others(self) -> dict[str, int]:
        """Count the waiting events of each other account in the same tables."""
        counted = (
            sa.select(leads.c.account, sa.func.count().label("waiting"))
            .where(~self._mine, leads.c.due_at.is_not(None))
            .group_by(leads.c.account)
            .order_by(leads.c.account)
        )
        rows = self._database.read(lambda connection: connection.execute(counted).all())
        return {row.account: row.waiting for row in rows}

    def rejected(self, most: int) -> Sequence[OutboxRow]:
        """Return the rejected events, the newest first.

        Args:
            most: How many at the most.
        """
        return self._rows(
            sa.select(leads)
            .where(self._mine, *REJECTED)
            .order_by(leads.c.rejected_at.desc(), leads.c.id.desc())
            .limit(most)
        )

    def newest(
        self,
        most: int,
        *,
        state: State | None = None,
        kind: Kind | None = None,
        before: int | None = None,
    ) -> Sequence[OutboxRow]:
        """Return a page of events, the newest first.

        Args:
            most: How many at the most.
            state: Only those in this state.
            kind: Only those of this kind.
            before: Only those older than the event of this id: the last one of the page before.
        """
        wanted = [self._mine]
        if state is not None:
            wanted += _WHERE[state]
        if kind is not None:
            wanted.append(leads.c.kind == kind)
        if before is not None:
            wanted.append(leads.c.id < min(before, _MOST_ID))
        return self._rows(sa.select(leads).where(*wanted).order_by(leads.c.id.desc()).limit(most))

    def find(self, number: int) -> OutboxRow | None:
        """Return one event, None where there is none of this id."""
        return next(iter(self.among([number])), None)

    def among(self, numbers: Sequence[int]) -> Sequence[OutboxRow]:
        """Return the events of these ids, as far as there are such."""
        return self._rows(sa.select(leads).where(self._mine, *_among(numbers)).order_by(leads.c.id))

    def everything(self, *, rejected_only: bool = False) -> Iterator[OutboxRow]:
        """Yield every event in the order of its id, a page at a time."""
        last = 0
        wanted = [self._mine]
        if rejected_only:
            wanted += REJECTED
        while True:
            page = self._rows(
                sa.select(leads).where(*wanted, leads.c.id > last).order_by(leads.c.id).limit(_PAGE)
            )
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def retry(self, numbers: Sequence[int] | None) -> int:
        """Make rejected events due now, as if they had never been tried.

        Args:
            numbers: Their ids; None means all rejected ones.

        Returns:
            How many.
        """
        values = {
            "due_at": self._clock(),
            "attempts": 0,
            "tried_at": None,
            "failed_count": 0,
            "not_found_count": 0,
            "own_failures": 0,
            "rejected_at": None,
            "reason": None,
        }
        again = self._mine, *REJECTED, *_among(numbers)
        done = last = 0

        def work(connection: Connection) -> list[int]:
            page = sa.select(leads).where(*again, leads.c.id > last).order_by(leads.c.id)
            found = connection.execute(page.limit(_PAGE).with_for_update()).all()
            keys = {}
            for row in map(OutboxRow.of, found):
                # Whom it is about was forgotten when it ended.
                body = {} if row.event is None else row.event.to_json()
                keys[row.id] = order_keys(self.account, body)
            if keys:
                connection.execute(set_order_keys(keys).values(values))
            return [row.id for row in found]

        while page := self._database.run(work):
            done += len(page)
            last = page[-1]
        return done

    def delete(self, numbers: Sequence[int] | None) -> int:
        """Delete events for good.

        Args:
            numbers: Their ids, in whatever state; None means all rejected ones.

        Returns:
            How many.
        """
        which = REJECTED if numbers is None else _among(numbers)

        def work(connection: Connection) -> int:
            # The account first, as every drainer does.
            read_state(connection, self.account, lock=True)
            keys = sa.select(leads.c.email_key, leads.c.uid_key).where(self._mine, *which)
            ended = [(row.email_key, row.uid_key) for row in connection.execute(keys)]
            done = connection.execute(sa.delete(leads).where(self._mine, *which)).rowcount
            free_next(connection, ended, now=self._clock())
            return done

        return self._database.run(work)

    def try_write(self) -> float:
        """Commit a row's insertion and deletion in one transaction: nothing stays behind.

        Returns:
            Seconds that it took, without the opening.

        Raises:
            SQLAlchemyError: The database refused.
            OSError: The file cannot be made.
            FpromConfigError: The tables are of another version.
        """
        row = self.outbox.row(Lead()) | {"due_at": None}

        def work(connection: Connection) -> float:
            begun = time.perf_counter()
            (made,) = connection.execute(sa.insert(leads), row).inserted_primary_key or (None,)
            # By its own id: the statement cannot reach another row.
            connection.execute(sa.delete(leads).where(leads.c.id == made))
            return begun

        begun = self._database.run(work)
        return time.perf_counter() - begun

    def _rows(self, statement: sa.Select[Any]) -> Sequence[OutboxRow]:
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return [OutboxRow.of(row) for row in rows]


@contextmanager
def inspect_outbox(
    settings: FpromSettings,
    clock: Callable[[], float],
    *,
    url: str | None = None,
    look: bool = True,
) -> Iterator[Inspection]:
    """Open the outbox of an account to look at it, also while the account is disabled.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
        url: Another outbox of the account, in place of FPROM_OUTBOX_URL.
        look: False makes the outbox where there is none; else its use raises `NoOutboxError`.

    Yields:
        The inspection; its connections are closed at the end.

    Raises:
        FpromConfigError: The delivery keeps no outbox, or the URL is wrong.
    """
    if settings.delivery is not DeliveryMode.OUTBOX:
        msg = f"{settings.delivery} delivery keeps no outbox. Right would be: FPROM_DELIVERY=outbox"
        raise FpromConfigError(msg, key="FPROM_DELIVERY")
    outbox = open_outbox(settings, clock, url=url, look=look)
    try:
        yield Inspection(outbox, settings.account_id or "", clock)
    finally:
        outbox.database.close()


def _among(numbers: Sequence[int] | None) -> list[sa.ColumnElement[bool]]:
    if numbers is None:
        return []
    # Drivers refuse, each in its own way, what no column can hold.
    return [leads.c.id.in_([number for number in numbers if number <= _MOST_ID])]
