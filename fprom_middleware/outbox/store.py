"""The durable table of leads: put, claim, settle."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ..events.lead import Lead
from ..events.receipt import Status
from .retry import Ended, Later, next_step
from .schema import VERSION, accounts, leads
from .stats import Stats
from .throttle import Gate, calls_from_text, calls_to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

    from ..api.protocol import Outcome
    from .database import Database

KEEP_REJECTED: Final = 30 * 86400.0
"""Seconds for which rejected leads are kept for a person to look at."""
LEASE_CALLS: Final = 3
"""A lease lasts as long as so many calls may; what is not sent by then is given back."""

logger = logging.getLogger(__name__)

# inline(): nobody needs the new row's id back.
insert_lead: Final = sa.insert(leads).inline()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A lead that this process may send until its lease ends.

    Attributes:
        id: The row.
        lead: What to send.
        attempts: Calls so far.
        unknowns: How many of them were answered 404.
        queued_at: When it was written; SQLite gives the id of a deleted row to a later one.
        claimed_at: When the lease began, seconds since the epoch.
        lease: When the lease ends, seconds since the epoch; it names the lease too.
    """

    id: int
    lead: Lead
    attempts: int
    unknowns: int
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
            "account": self._account,
            "due_at": now,
            "queued_at": now,
            "attempts": 0,
            "unknowns": 0,
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
        self.database.run(lambda connection: connection.execute(insert_lead, rows))

    def claim(self, most: int) -> Batch:
        """Take due leads for this process, as many as the gate lets through.

        Args:
            most: How many at the most.

        Returns:
            The batch; empty where nothing is due or all is paused.
        """

        def work(connection: Connection) -> Batch:
            now = self._clock()
            gate = self._gate(connection, lock=True)
            due = self._due(connection, most, now)
            granted, probe, gate = gate.admit(
                len(due), now=now, limit=self._limit, timeout=self._timeout
            )
            if not granted:
                return Batch()
            self._save(connection, gate)
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
        # Nobody waits for this but the drain itself.
        return self.database.run(work, patience=self._timeout)

    def settle(
        self,
        sent: Sequence[tuple[Claimed, Outcome, float]],
        *,
        probe: bool = False,
        unused: Sequence[Claimed] = (),
    ) -> list[Later | Ended]:
        """Write down what calls came to, and give back what was claimed and not sent.

        Args:
            sent: Each lead that was sent, what came of it, and when.
            probe: Whether this was the one call that a pause lets through.
            unused: The leads to give back.

        Returns:
            What becomes of each lead that was sent.
        """
        steps = [
            next_step(outcome, attempts=item.attempts, unknowns=item.unknowns, now=now)
            for item, outcome, now in sent
        ]

        def work(connection: Connection) -> None:
            before = self._gate(connection, lock=True)
            gate = before
            if unused:
                gate = gate.give_back(len(unused), admitted=unused[0].claimed_at)
            for _, outcome, now in sent:
                gate = gate.after(outcome, now=now, probe=probe)
            if gate != before:
                self._save(connection, gate)
            for (item, _, _), step in zip(sent, steps, strict=True):
                if not (isinstance(step, Ended) and step.status is not Status.REJECTED):
                    self._keep(connection, item, step)
            # Delivered is delivered, whoever holds the lease by now: but the lead, not the row
            # that has its id by now.
            delivered = [
                item
                for (item, _, _), step in zip(sent, steps, strict=True)
                if isinstance(step, Ended) and step.status is not Status.REJECTED
            ]
            if delivered:
                connection.execute(
                    sa.delete(leads).where(
                        leads.c.id.in_([item.id for item in delivered]),
                        leads.c.queued_at.in_([item.queued_at for item in delivered]),
                    )
                )
            if unused:
                self._release(connection, unused)

        self.database.run(work, patience=self._timeout)
        return steps

    def paused(self) -> bool:
        """Say whether the account is paused."""
        return self.database.read(self._gate).paused

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
            return max(due, self._gate(connection).opens_at(now=self._clock(), limit=self._limit))

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
            gate = self._gate(connection)
            return Stats(
                pending=pending + not_durable,
                oldest_age=None if oldest is None else max(self._clock() - oldest, 0.0),
                rejected=rejected or 0,
                paused=gate.pause_reason,
                paused_since=gate.paused_since,
                not_durable=not_durable,
            )

        return self.database.read(work)

    def purge(self) -> int:
        """Delete rejected leads that were kept long enough.

        Returns:
            How many.
        """
        old = self._clock() - KEEP_REJECTED
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
                leads.c.unknowns,
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
            gate = self._gate(connection)
            granted, _, _ = gate.admit(1, now=now, limit=self._limit, timeout=self._timeout)
            return granted > 0

        return self.database.read(work)

    def _keep(self, connection: Connection, item: Claimed, step: Later | Ended) -> None:
        values: dict[str, Any]
        if isinstance(step, Later):
            values = {"due_at": step.due_at, "unknowns": item.unknowns + step.unknown}
        else:
            values = {"due_at": None, "rejected_at": self._clock(), "reason": step.reason}
        connection.execute(
            sa.update(leads)
            .where(leads.c.id == item.id, leads.c.due_at == item.lease)
            .values(attempts=item.attempts + 1, **values)
        )

    def _release(self, connection: Connection, unused: Sequence[Claimed]) -> None:
        connection.execute(
            sa.update(leads)
            .where(leads.c.id.in_([item.id for item in unused]), leads.c.due_at == unused[0].lease)
            .values(due_at=self._clock())
        )

    def _gate(self, connection: Connection, *, lock: bool = False) -> Gate:
        statement = sa.select(accounts).where(accounts.c.account == self._account)
        # The one order in which locks are taken: the account first, then its leads.
        row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
        if row is None:
            return Gate()
        return Gate(
            failures=row.failures,
            paused_since=row.paused_since,
            paused_until=row.paused_until,
            pause_reason=row.pause_reason,
            calls=calls_from_text(row.calls),
        )

    def _save(self, connection: Connection, gate: Gate) -> None:
        values = {
            "failures": gate.failures,
            "paused_since": gate.paused_since,
            "paused_until": gate.paused_until,
            "pause_reason": gate.pause_reason,
            "calls": calls_to_text(gate.calls),
        }
        mine = accounts.c.account == self._account
        if not connection.execute(sa.update(accounts).where(mine).values(**values)).rowcount:
            connection.execute(
                sa.insert(accounts).values(account=self._account, version=VERSION, **values)
            )


def _claimed(row: Any, now: float, lease: float) -> Claimed:
    return Claimed(
        id=row.id,
        lead=Lead.from_json(json.loads(row.payload)),
        attempts=row.attempts,
        unknowns=row.unknowns,
        queued_at=row.queued_at,
        claimed_at=now,
        lease=lease,
    )
