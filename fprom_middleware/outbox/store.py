"""The durable table of leads: put, claim, settle."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..events.lead import Lead
from ..events.receipt import Status
from .database import Database
from .schema import VERSION, accounts, leads
from .stats import Stats
from .tables import insert_new
from .throttle import CircuitBreaker, RateLimiter, Throttle
from .urls import outbox_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from ..api.protocol import Outcome
    from ..settings.model import FpromSettings
    from .retry import Retry

KEEP_REJECTED_SECONDS: Final = 30 * 86400.0
"""Seconds for which rejected leads are kept for a person to look at."""
LEASE_CALLS: Final = 3
"""A lease lasts as long as so many calls may; what is not sent by then is given back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A lead that this process may send until its lease ends.

    Attributes:
        id: The row.
        lead: What to send.
        attempts: Calls so far.
        not_found_count: How many of them were answered 404.
        queued_at: When it was written; SQLite gives the id of a deleted row to a later one.
        claimed_at: When the lease began, seconds since the epoch.
        lease: When the lease ends, seconds since the epoch; it names the lease too.
    """

    id: int
    lead: Lead
    attempts: int
    not_found_count: int
    queued_at: float
    claimed_at: float
    lease: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim brought.

    Attributes:
        claimed: The leads.
        probe: True where this is the one call that a pause lets through.
    """

    claimed: Sequence[Claimed] = ()
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call came to, and what was decided about its lead.

    Attributes:
        claimed: The lead that was sent.
        outcome: What came of it.
        at: When, seconds since the epoch.
        retry: When it is tried again; None where it ends as the outcome says.
    """

    claimed: Claimed
    outcome: Outcome
    at: float
    retry: Retry | None


class Outbox:
    """The leads of one account in the outbox's database.

    Args:
        database: Where the tables are.
        account: FirstPromoter's account id.
        clock: Seconds since the epoch; the only clock there is, never the database's.
        rate_limit: API calls a minute.
        timeout: Seconds that one call may take.
    """

    def __init__(
        self,
        database: Database,
        *,
        account: str,
        clock: Callable[[], float],
        rate_limit: int,
        timeout: float,
    ) -> None:
        self.database = database
        self._account = account
        self._clock = clock
        self._limit = rate_limit
        self._timeout = timeout

    def row(self, lead: Lead) -> dict[str, Any]:
        """Return a lead as the row it becomes."""
        now = self._clock()
        return {
            "row_key": uuid.uuid4().hex,
            "account": self._account,
            "due_at": now,
            "queued_at": now,
            "attempts": 0,
            "not_found_count": 0,
            "payload": json.dumps(lead.to_json()),
        }

    def put(self, *new: Lead) -> None:
        """Write leads, in one transaction.

        Raises:
            SQLAlchemyError: The database refused.
            OSError: The file cannot be made.
            FpromConfigError: The tables are of another version.
        """
        rows: Any = [self.row(lead) for lead in new]
        if len(rows) == 1:
            rows = rows[0]
        self.database.run(
            lambda connection: connection.execute(insert_new(leads, connection.dialect.name), rows)
        )

    def claim(self, most: int) -> Batch:
        """Take due leads for this process, as many as pace and pause let through.

        Args:
            most: How many at the most.

        Returns:
            The batch; empty where nothing is due or all is paused.
        """

        def work(connection: Connection) -> Batch:
            now = self._clock()
            throttle = self._throttle(connection, lock=True)
            due = self._due(connection, most, now)
            granted, probe, throttle = throttle.acquire(
                len(due), now=now, limit=self._limit, timeout=self._timeout
            )
            if not granted:
                return Batch()
            self._save(connection, throttle)
            lease = now + LEASE_CALLS * self._timeout + 2.0
            connection.execute(
                sa.update(leads)
                .where(leads.c.id.in_([row.id for row in due[:granted]]))
                .values(due_at=lease)
            )
            return Batch([_claimed(row, now, lease) for row in due[:granted]], probe)

        # Most looks find nothing, and need not stand in a writer's way for that.
        if not self._may_claim():
            return Batch()
        # Only the drain itself waits for this.
        return self.database.run(work, patience=self._timeout)

    def settle(
        self, answers: Sequence[Answer], *, probe: bool = False, unused: Sequence[Claimed] = ()
    ) -> None:
        """Write down what calls came to, and give back what was claimed and not sent.

        Args:
            answers: What was sent, and what was decided about it.
            probe: Whether this was the one call that a pause lets through.
            unused: The leads to give back.
        """

        def work(connection: Connection) -> None:
            before = self._throttle(connection, lock=True)
            limiter, breaker = before.limiter, before.breaker
            if unused:
                limiter = limiter.release(len(unused), acquired_at=unused[0].claimed_at)
            for answer in answers:
                breaker = breaker.after(answer.outcome, now=answer.at, probe=probe)
            after = Throttle(limiter, breaker)
            if after != before:
                self._save(connection, after)
            for answer in answers:
                if not _is_delivered(answer):
                    self._keep(connection, answer)
            self._delete(connection, [item.claimed for item in answers if _is_delivered(item)])
            if unused:
                self._release(connection, unused)

        if answers or unused:
            self.database.run(work, patience=self._timeout)

    def paused(self) -> bool:
        """Say whether the account is paused."""
        return self.database.read(self._throttle).breaker.paused_until is not None

    def next_due(self) -> float | None:
        """Say when there is something to do.

        Returns:
            Seconds since the epoch; None where nothing waits.
        """

        def work(connection: Connection) -> float | None:
            due: float | None = connection.scalar(
                sa.select(sa.func.min(leads.c.due_at)).where(leads.c.account == self._account)
            )
            if due is None:
                return None
            throttle = self._throttle(connection)
            return max(due, throttle.next_at(now=self._clock(), limit=self._limit))

        return self.database.read(work)

    def stats(self, *, not_durable: int = 0) -> Stats:
        """Count.

        Args:
            not_durable: Leads in this process's memory.

        Returns:
            The figures of this account.
        """

        def work(connection: Connection) -> Stats:
            mine = leads.c.account == self._account
            pending, oldest = connection.execute(
                sa.select(sa.func.count(), sa.func.min(leads.c.queued_at)).where(
                    mine, leads.c.due_at.is_not(None)
                )
            ).one()
            rejected = connection.scalar(
                sa.select(sa.func.count()).where(mine, leads.c.due_at.is_(None))
            )
            breaker = self._throttle(connection).breaker
            return Stats(
                pending=pending + not_durable,
                oldest_age=None if oldest is None else max(self._clock() - oldest, 0.0),
                rejected=rejected or 0,
                paused=breaker.pause_reason,
                paused_since=breaker.paused_since,
                not_durable=not_durable,
            )

        return self.database.read(work)

    def purge(self) -> int:
        """Delete rejected leads that were kept long enough.

        Returns:
            How many.
        """
        old = self._clock() - KEEP_REJECTED_SECONDS
        statement = sa.delete(leads).where(
            leads.c.account == self._account, leads.c.due_at.is_(None), leads.c.rejected_at < old
        )
        return self.database.run(lambda connection: connection.execute(statement).rowcount)

    def _due(self, connection: Connection, most: int, now: float) -> Sequence[Any]:
        statement = (
            sa.select(
                leads.c.id,
                leads.c.payload,
                leads.c.attempts,
                leads.c.not_found_count,
                leads.c.queued_at,
            )
            .where(leads.c.account == self._account, leads.c.due_at <= now)
            .order_by(leads.c.due_at)
            .limit(most)
        )
        # Left out where BEGIN IMMEDIATE does the work.
        return connection.execute(statement.with_for_update(skip_locked=True)).all()

    def _may_claim(self) -> bool:
        now = self._clock()
        statement = (
            sa.select(leads.c.id)
            .where(leads.c.account == self._account, leads.c.due_at <= now)
            .limit(1)
        )

        def work(connection: Connection) -> bool:
            if connection.scalar(statement) is None:
                return False
            throttle = self._throttle(connection)
            return throttle.next_at(now=now, limit=self._limit) <= now

        return self.database.read(work)

    def _keep(self, connection: Connection, answer: Answer) -> None:
        item, retry = answer.claimed, answer.retry
        values: dict[str, Any]
        if retry is None:
            reason = answer.outcome.reason
            values = {"due_at": None, "rejected_at": self._clock(), "reason": reason}
        else:
            not_found_count = item.not_found_count + retry.not_found
            values = {"due_at": retry.due_at, "not_found_count": not_found_count}
        connection.execute(
            sa.update(leads)
            .where(leads.c.id == item.id, leads.c.due_at == item.lease)
            .values(attempts=item.attempts + 1, **values)
        )

    def _delete(self, connection: Connection, delivered: Sequence[Claimed]) -> None:
        # Delivered is delivered, even where another drainer holds the lease by now. But it is the
        # lead that goes, not the row that has been given its id since.
        if delivered:
            connection.execute(
                sa.delete(leads).where(
                    leads.c.id.in_([item.id for item in delivered]),
                    leads.c.queued_at.in_([item.queued_at for item in delivered]),
                )
            )

    def _release(self, connection: Connection, unused: Sequence[Claimed]) -> None:
        connection.execute(
            sa.update(leads)
            .where(leads.c.id.in_([item.id for item in unused]), leads.c.due_at == unused[0].lease)
            .values(due_at=self._clock())
        )

    def _throttle(self, connection: Connection, *, lock: bool = False) -> Throttle:
        statement = sa.select(accounts).where(accounts.c.account == self._account)
        # The one order in which locks are taken: the account first, then its leads.
        row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
        if row is None:
            return Throttle()
        breaker = CircuitBreaker(
            failures=row.failures,
            paused_since=row.paused_since,
            paused_until=row.paused_until,
            pause_reason=row.pause_reason,
        )
        return Throttle(RateLimiter.from_text(row.calls), breaker)

    def _save(self, connection: Connection, throttle: Throttle) -> None:
        values = {**asdict(throttle.breaker), "calls": throttle.limiter.to_text()}
        mine = accounts.c.account == self._account
        if not connection.execute(sa.update(accounts).where(mine).values(**values)).rowcount:
            connection.execute(
                sa.insert(accounts).values(account=self._account, version=VERSION, **values)
            )


def open_outbox(settings: FpromSettings, clock: Callable[[], float]) -> Outbox:
    """Open the outbox of an account; its database is connected to at first use.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.

    Returns:
        The outbox; the caller closes its `database`.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """
    account = settings.account_id or ""
    return Outbox(
        Database(outbox_url(settings.outbox_url), account),
        account=account,
        clock=clock,
        rate_limit=settings.rate_limit,
        timeout=settings.timeout,
    )


def _is_delivered(answer: Answer) -> bool:
    return answer.retry is None and answer.outcome.status is not Status.REJECTED


def _claimed(row: Any, now: float, lease: float) -> Claimed:
    return Claimed(
        id=row.id,
        lead=Lead.from_json(json.loads(row.payload)),
        attempts=row.attempts,
        not_found_count=row.not_found_count,
        queued_at=row.queued_at,
        claimed_at=now,
        lease=lease,
    )
