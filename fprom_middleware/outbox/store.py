"""The durable table of events: put, claim, settle."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..database.database import Database
from ..database.order_keys import NO_KEYS, order_keys
from ..database.refusal import passes
from ..database.schema import leads
from ..database.statements import DriverStatement, insert_new
from ..events.receipt import Reason
from ..settings.model import NO_API_KEY
from .account_row import read_state, write_state
from .claims import Answer, Batch, Claimed, read_claimed
from .due import find_first, is_wrong, mend
from .figures import read_stats
from .history import History
from .payload import PayloadError, encode
from .purge import purge_ended
from .row_log import log_unreadable, log_unsettled
from .settled import give_back, write_answers
from .turns import find_next, free_next
from .urls import outbox_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection, Row

    from ..events.kinds import AnyEvent
    from ..settings.model import FpromSettings
    from .stats import Stats
    from .throttle import Throttle

LEASE_CALLS: Final = 3
"""A lease lasts as long as so many calls may; what is not sent by then is given back."""
LEASE_MARGIN_SECONDS: Final = 2.0
LONGEST_PROBE_SECONDS: Final = 50.0
"""Seconds by which the calls of a probe are counted later, at the most; under a minute."""


class Outbox:
    """The events of one account in the outbox's database.

    Args:
        database: Where the tables are.
        account: FirstPromoter's account id.
        clock: Seconds since the epoch; the only clock there is, never the database's.
        rate_limit: API calls a minute.
        timeout: Seconds that one call may take.
        history: What delivered events leave.
        credentials: The fingerprint of those that calls are made with.
    """

    def __init__(
        self,
        database: Database,
        *,
        account: str,
        clock: Callable[[], float],
        rate_limit: int,
        timeout: float,
        history: History,
        credentials: str = "",
    ) -> None:
        self.database = database
        self.history = history
        self._account = account
        self._clock = clock
        self._limit = rate_limit
        self._timeout = timeout
        self._credentials = credentials
        self._insert: DriverStatement | None = None

    def row(self, event: AnyEvent, trace: str | None = None) -> dict[str, Any]:
        """Return an event, checked, as the row it becomes.

        Args:
            event: The event.
            trace: Which request it is of, in 64 characters at the most.
        """
        now = self._clock()
        return {
            "row_key": uuid.uuid4().hex,
            "account": self._account,
            "kind": event.kind.value,
            **order_keys(self._account, {"email": event.email, "uid": event.uid}),
            "blocked": 0,
            "due_at": now,
            "queued_at": now,
            # Tables that were of version 1 have no value of their own for these.
            "attempts": 0,
            "not_found_count": 0,
            "payload": encode(event),
            "trace": trace,
        }

    def put(self, *rows: Mapping[str, Any], **how: float) -> None:
        """Write rows, in a transaction of their own; one that is there already is not doubled.

        Args:
            *rows: What `row` returned.
            **how: `patience` and `bound`, as `Database.run` takes them.

        Raises:
            SQLAlchemyError: The database refused.
            OSError: The file cannot be made.
            FpromConfigError: The tables are of another version.
        """
        if self._insert is None:
            dialect = self.database.engine.dialect
            self._insert = DriverStatement.of(insert_new(leads, dialect.name), rows[0], dialect)
        insert = self._insert
        self.database.run(lambda connection: insert.run(connection, *rows), **how)

    def claim(self, most: int) -> Batch:
        """Take due events for this process, as many as pace and pause let through.

        Events that were never tried go first. Each row is read by itself: one that is damaged is
        rejected, and the rest goes on. One whose customer has an earlier event waits for that.

        Args:
            most: How many at the most.

        Returns:
            The batch; empty where nothing is due or all is paused.
        """

        def work(connection: Connection) -> Batch:
            now = self._clock()
            state = read_state(connection, self._account, lock=True)
            probes = state.throttle.probes(self._credentials, now=now)
            wanted = most if probes is None else min(most, probes)
            # The calls of a probe come one after the other. Counted as late as the last may come,
            # they are never more than the pace allows.
            permit_at = now + min(max((probes or 1) - 1, 0) * self._timeout, LONGEST_PROBE_SECONDS)
            lease = now + self._lease_seconds
            readable: list[Claimed] = []
            unreadable: list[Row[Any]] = []
            due, blocked = find_next(
                connection, self._due(now), wanted, probe=probes is not None, now=now
            )
            for row in due:
                try:
                    readable.append(read_claimed(row, permit_at=permit_at, lease=lease))
                except PayloadError:
                    unreadable.append(row)
            self._reject(connection, unreadable, now)
            granted, throttle = state.throttle.acquire(
                len(readable),
                credentials=self._credentials,
                now=now,
                permit_at=permit_at,
                limit=self._limit,
                timeout=self._timeout,
            )
            if granted:
                write_state(connection, self._account, replace(state, throttle=throttle))
                ids = [item.id for item in readable[:granted]]
                taken = sa.update(leads).where(leads.c.id.in_(ids))
                connection.execute(taken.values(due_at=lease, blocked=0))
            return Batch(
                claimed=readable[:granted],
                probe=probes is not None,
                got_through_at=state.got_through_at,
                unreadable=[row.id for row in unreadable],
                blocked=blocked,
            )

        # Most looks find nothing, and need not stand in a writer's way for that.
        if not self._may_claim():
            return Batch()
        # Only the drain itself waits for this.
        batch = self.database.run(work, patience=self._timeout)
        for number in batch.unreadable:
            log_unreadable(number)
        return batch

    def settle(
        self, answers: Sequence[Answer], *, probe: bool = False, unused: Sequence[Claimed] = ()
    ) -> None:
        """Write down what calls came to, and give back what was claimed and not sent.

        A row that the database refuses to change does not keep the others from being settled.

        Args:
            answers: What was sent, and what was decided about it.
            probe: Whether these were the calls that a pause lets through.
            unused: The events to give back.
        """
        if not answers and not unused:
            return
        try:
            self._settle(answers, probe=probe, unused=unused)
        except SQLAlchemyError as error:
            if passes(error):
                raise
            for answer in answers:
                self._settle_alone(answer.claimed.id, [answer], probe=probe)
            for item in unused:
                self._settle_alone(item.id, [], unused=[item])

    def paused(self) -> bool:
        """Say whether the account is paused for this process."""
        throttle = self._read_throttle()
        return throttle.probes(self._credentials, now=self._clock()) is not None

    def next_call_at(self) -> float:
        """Say when pace and pause let the next call through, in seconds since the epoch."""
        throttle = self._read_throttle()
        return throttle.next_at(credentials=self._credentials, now=self._clock(), limit=self._limit)

    def next_due(self) -> float | None:
        """Say when there is something to do.

        Returns:
            Seconds since the epoch; None where nothing waits.
        """

        def work(connection: Connection) -> float | None:
            now = self._clock()
            due = find_first(connection, self._pending)
            if due is None:
                return None
            if is_wrong(connection, self._pending, now=now, lease=self._lease_seconds):
                due = now
            throttle = read_state(connection, self._account).throttle
            opens = throttle.next_at(credentials=self._credentials, now=now, limit=self._limit)
            return max(due, opens)

        return self.database.read(work, bound=self._timeout)

    def stats(self, *, not_durable: int = 0) -> Stats:
        """Count.

        Args:
            not_durable: Events in this process's memory.

        Returns:
            The figures of this account.
        """

        def work(connection: Connection) -> Stats:
            now = self._clock()
            breaker = read_state(connection, self._account).throttle.pause(self._credentials)
            return read_stats(connection, self._account, breaker, now=now, not_durable=not_durable)

        return self.database.read(work)

    def resume(self, *, refused_only: bool = False) -> bool:
        """End the pause of the account.

        Args:
            refused_only: True ends only the pause for these credentials, which are known to be
                right by now.

        Returns:
            Whether there was one.
        """

        def work(connection: Connection) -> bool:
            state = read_state(connection, self._account, lock=True)
            throttle = state.throttle.resumed(self._credentials if refused_only else None)
            if throttle == state.throttle:
                return False
            write_state(connection, self._account, replace(state, throttle=throttle))
            return True

        return self.database.run(work)

    def purge(self) -> int:
        """Delete events that ended and were kept long enough, some thousands at the most.

        Returns:
            How many; `PURGE_AT_ONCE` where there are more.
        """
        return purge_ended(
            self.database, self._account, self.history, now=self._clock(), bound=self._timeout
        )

    @property
    def _lease_seconds(self) -> float:
        return LEASE_CALLS * self._timeout + LEASE_MARGIN_SECONDS

    @property
    def _pending(self) -> sa.ColumnElement[bool]:
        return sa.and_(leads.c.account == self._account, leads.c.due_at.is_not(None))

    def _due(self, now: float) -> sa.ColumnElement[bool]:
        return sa.and_(leads.c.account == self._account, leads.c.due_at <= now)

    def _may_claim(self) -> bool:
        now, lease = self._clock(), self._lease_seconds

        def look(connection: Connection) -> tuple[bool, bool]:
            throttle = read_state(connection, self._account).throttle
            wrong = throttle != throttle.mended(now) or is_wrong(
                connection, self._pending, now=now, lease=lease
            )
            first = find_first(connection, self._pending)
            opens = throttle.next_at(credentials=self._credentials, now=now, limit=self._limit)
            return first is not None and max(first, opens) <= now, wrong

        def mend_all(connection: Connection) -> None:
            state = read_state(connection, self._account, lock=True)
            mended = replace(state, throttle=state.throttle.mended(now))
            write_state(connection, self._account, mended)
            mend(connection, self._pending, now=now, lease=lease)

        may_claim, wrong = self.database.read(look, bound=self._timeout)
        if wrong:
            # Once and for all: a moment far ahead would come nearer by itself.
            self.database.run(mend_all)
        return may_claim or wrong

    def _read_throttle(self) -> Throttle:
        # As in the drain's other looks, which no view waits for: silence is told late.
        read = self.database.read
        return read(lambda c: read_state(c, self._account), bound=self._timeout).throttle

    def _reject(self, connection: Connection, rows: Sequence[Row[Any]], now: float) -> None:
        if rows:
            connection.execute(
                sa.update(leads)
                .where(leads.c.id.in_([row.id for row in rows]))
                .values(due_at=None, rejected_at=now, reason=Reason.UNREADABLE, **NO_KEYS)
            )
            free_next(connection, [(row.email_key, row.uid_key) for row in rows], now=now)

    def _settle_alone(self, number: int, answers: Sequence[Answer], **how: Any) -> None:
        try:
            self._settle(answers, **how)
        except SQLAlchemyError as error:
            log_unsettled(number, error)

    def _settle(
        self, answers: Sequence[Answer], *, probe: bool = False, unused: Sequence[Claimed] = ()
    ) -> None:
        def work(connection: Connection) -> None:
            before = read_state(connection, self._account, lock=True)
            after = before.after(answers, self._credentials, probe=probe, unused=unused)
            if after != before:
                write_state(connection, self._account, after)
            write_answers(connection, answers, self.history, now=self._clock())
            give_back(connection, unused, now=self._clock())

        self.database.run(work, patience=self._timeout)


def open_outbox(
    settings: FpromSettings,
    clock: Callable[[], float],
    *,
    url: str | None = None,
    look: bool = False,
) -> Outbox:
    """Open the outbox of an account; its database is connected to at first use.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
        url: Another outbox of the account, in place of FPROM_OUTBOX_URL.
        look: True makes nothing: where there is no outbox, its use raises `NoOutboxError`.

    Returns:
        The outbox; the caller closes its `database`.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """
    account = settings.account_id or ""
    return Outbox(
        Database(outbox_url(url or settings.outbox_url), account, look=look),
        account=account,
        clock=clock,
        rate_limit=settings.rate_limit,
        timeout=settings.timeout,
        history=History(settings),
        credentials=fingerprint(settings),
    )


def fingerprint(settings: FpromSettings) -> str:
    """Name the credentials of an account without telling them; "" where there is no key."""
    if settings.api_key == NO_API_KEY:
        return ""
    told = f"{settings.account_id}\0{settings.api_key}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:16]
