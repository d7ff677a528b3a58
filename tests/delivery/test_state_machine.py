"""The outbox against a model of it, and against bugs that the model must see."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fprom_middleware import Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.schema import accounts, leads
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.outbox.throttle import PROBES
from tests.support.accounts import make_outbox
from tests.support.clock import START, Clock
from tests.support.leads import answers, make_lead, put_leads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fprom_middleware.outbox.claims import Batch, Claimed

DRAINERS = 3
ANSWERS = {
    "sent": Outcome(Status.SENT, code=200),
    "duplicate": Outcome(Status.DUPLICATE, code=422),
    "bad request": Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400),
    "unknown": Outcome(Status.REJECTED, Reason.UNKNOWN_VISITOR, code=404),
    "unauthorized": Outcome(Status.FAILED, Reason.UNAUTHORIZED, code=401),
    "limited": Outcome(Status.FAILED, Reason.RATE_LIMITED, code=429),
    "limited for 5 s": Outcome(Status.FAILED, Reason.RATE_LIMITED, 5.0, 429),
    "down": Outcome(Status.FAILED, Reason.SERVER_ERROR, code=503),
    "network": Outcome(Status.FAILED, Reason.NETWORK),
}
FURTHEST = 3600.0 + 32.0
FINAL = {Status.SENT, Status.DUPLICATE}


@dataclass
class Holding:
    """What one drainer has claimed and not settled."""

    batch: Batch
    jumps: int


class Machine(RuleBasedStateMachine):
    """Three drainers of one outbox, a clock that jumps, and processes that die."""

    # Shared by all examples of a run: to open a file costs more than all the steps.
    limit: int
    clock: Clock
    drainers: Sequence[Outbox]
    table: sqlite3.Connection

    def __init__(self) -> None:
        super().__init__()
        self.clock.now = START
        self.put_uids: set[str] = set()
        self.answered: set[str] = set()
        # Whose lease is alive, by lead: the end of the lease by the model's own reckoning.
        self.alive: dict[str, float] = {}
        self.holdings: list[Holding | None] = [None] * DRAINERS
        self.calls: list[float] = []
        self.jumps = 0
        self.furthest = self.clock.now

    @initialize()
    def empty(self) -> None:
        """Begin with an empty table."""
        self.table.execute("DELETE FROM fprom_outbox")
        self.table.execute(
            "UPDATE fprom_outbox_account SET calls = '', failures = 0, paused_since = NULL, "
            "paused_until = NULL, pause_reason = NULL, failed_events = NULL, refused = NULL, "
            "got_through_at = NULL"
        )

    # What happens

    @rule(count=st.integers(1, 8))
    def put(self, count: int) -> None:
        """Somebody signs up."""
        uids = [str(len(self.put_uids) + number) for number in range(count)]
        put_leads(self.drainers[0], *map(make_lead, uids))
        self.put_uids.update(uids)

    @rule(who=st.integers(0, DRAINERS - 1), most=st.integers(1, 8))
    def claim(self, who: int, most: int) -> None:
        """A drainer claims; what it held before it has forgotten, as after a crash."""
        batch = self.drainers[who].claim(most)
        now = self.clock.now
        for item in batch.claimed:
            uid = str(item.event.uid)
            assert uid in self.put_uids
            # What lies further ahead than any lease may was left by a clock that was wrong.
            ends = self.alive.get(uid, now)
            assert ends <= now or ends > now + FURTHEST, "a second live lease"
            assert item.lease > now, "a lease that has ended already"
            self.alive[uid] = item.lease
        assert len(batch.claimed) <= most
        assert not batch.probe or len(batch.claimed) <= PROBES
        if batch.claimed:
            self.holdings[who] = Holding(batch, self.jumps)

    @precondition(lambda self: any(self.holdings))
    @rule(
        data=st.data(),
        answer=st.sampled_from(sorted(ANSWERS)),
        waited=st.sampled_from([0.0, 0.2, 9.0]),
    )
    def send_and_settle(self, data: st.DataObject, answer: str, waited: float) -> None:
        """A drainer sends some of what it holds, and gives the rest back."""
        who = data.draw(st.sampled_from([n for n, held in enumerate(self.holdings) if held]))
        holding = self.holdings[who]
        assert holding is not None
        batch, self.holdings[who] = holding.batch, None
        outcome = ANSWERS[answer]
        # A batch ends with its first failure, as the drain has it.
        most = 1 if outcome.status is Status.FAILED else len(batch.claimed)
        many = data.draw(st.integers(0, most))
        sent, unused = batch.claimed[:many], batch.claimed[many:]
        self.call(holding, sent, final=outcome.status in FINAL)
        self.wait(waited)
        now = self.clock.now
        self.drainers[who].settle(answers(sent, outcome, now), probe=batch.probe, unused=unused)
        for item in (*sent, *unused):
            uid = str(item.event.uid)
            if self.alive.get(uid) == item.lease:
                del self.alive[uid]

    @rule(who=st.integers(0, DRAINERS - 1), sent=st.booleans())
    def crash(self, who: int, sent: bool) -> None:
        """A process is killed: before its calls, or after them and before it wrote that down."""
        holding, self.holdings[who] = self.holdings[who], None
        if holding is not None and sent:
            self.call(holding, holding.batch.claimed, final=True)

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0, 33.0, 61.0, 301.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.later(seconds)
        self.furthest = max(self.furthest, self.clock.now)

    @rule(hours=st.sampled_from([-1.0, 1.0]))
    def jump(self, hours: float) -> None:
        """Somebody sets the clock."""
        self.wait(hours * 3600)
        self.jumps += 1
        self.calls.clear()

    @rule()
    def look(self) -> None:
        """Whoever asks is told the truth, and the next moment is one at which something is."""
        stats = self.drainers[1].stats()
        due = self.drainers[2].next_due()
        counts = "SELECT count(due_at), count(rejected_at) FROM fprom_outbox"
        assert (stats.pending, stats.rejected) == self.table.execute(counts).fetchone()
        assert (due is None) == (stats.pending == 0)
        assert stats.oldest_age is None or stats.oldest_age >= 0
        assert due is None or due <= self.furthest + 3600 + 60

    def call(self, holding: Holding, sent: Sequence[Claimed], *, final: bool) -> None:
        """Keep the API's books."""
        if final:
            self.answered.update(str(item.event.uid) for item in sent)
        if holding.jumps == self.jumps:
            self.calls += [item.permit_at for item in sent]

    # What always holds

    @invariant()
    def nothing_vanishes(self) -> None:
        """Every lead is in the table (pending, leased or rejected) or was answered for good."""
        uids = "SELECT json_extract(payload, '$.uid') FROM fprom_outbox WHERE delivered_at IS NULL"
        there = [row[0] for row in self.table.execute(uids)]
        assert len(there) == len(set(there))
        assert set(there) <= self.put_uids
        assert self.put_uids - set(there) <= self.answered, "a lead has vanished"

    @invariant()
    def the_pace_is_kept(self) -> None:
        """No rolling minute saw more calls than allowed, as long as the clock only runs."""
        calls = sorted(self.calls)
        for number in range(len(calls) - self.limit):
            assert calls[number + self.limit] - calls[number] >= 60.0, "too many calls"


def _careless(connection: Any, *_: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


class DeletesAtClaim(Outbox):
    """What huey does."""

    def claim(self, most: int) -> Batch:
        """Claim, and take the rows out."""
        batch = super().claim(most)
        gone = sa.delete(leads).where(leads.c.id.in_([item.id for item in batch.claimed]))
        self.database.run(lambda connection: connection.execute(gone))
        return batch


class LeasesNothing(Outbox):
    """A lease of no time at all."""

    def claim(self, most: int) -> Batch:
        """Claim, and leave the rows due."""
        batch = super().claim(most)
        ids = [item.id for item in batch.claimed]
        due = sa.update(leads).where(leads.c.id.in_(ids)).values(due_at=self._clock())
        self.database.run(lambda connection: connection.execute(due))
        return batch


class DropsUnauthorized(Outbox):
    """Takes 401 for the lead's own fault."""

    def settle(self, sent: Any, *, probe: bool = False, unused: Any = ()) -> Any:
        """Settle, and delete what was refused."""
        ids = [answer.claimed.id for answer in sent if answer.outcome.reason is Reason.UNAUTHORIZED]
        self.database.run(
            lambda connection: connection.execute(sa.delete(leads).where(leads.c.id.in_(ids)))
        )
        return super().settle(sent, probe=probe, unused=unused)


class ForgetsTheUnused(Outbox):
    """Gives nothing back, and takes it out as if it had been sent."""

    def settle(self, sent: Any, *, probe: bool = False, unused: Any = ()) -> Any:
        """Settle the unused as delivered."""
        extra = answers(unused, ANSWERS["sent"], self._clock())
        return super().settle([*sent, *extra], probe=probe)


class CountsNoCalls(Outbox):
    """Every drainer keeps a pace of its own, which is none."""

    def claim(self, most: int) -> Batch:
        """Claim as if nobody had called before."""
        self.database.run(
            lambda connection: connection.execute(sa.update(accounts).values(calls=""))
        )
        return super().claim(most)


def run(outbox_class: type[Outbox], *, limit: int, examples: int = 300) -> None:
    """Run the machine against a class of outbox."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as closing_time:
        file, clock = Path(folder) / "outbox.db", Clock()
        drainers = [
            make_outbox(
                f"sqlite:///{file}", clock, rate_limit=limit, history_days=30 * (number % 2)
            )
            for number in range(DRAINERS)
        ]
        for drainer in drainers:
            drainer.__class__ = outbox_class
            drainer.stats()
            # What a power cut does to the file is not in question here.
            sa.event.listen(drainer.database.engine, "checkout", _careless)
            closing_time.callback(drainer.database.close)
        table = closing_time.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
        given = {"limit": limit, "clock": clock, "drainers": drainers, "table": table}
        run_state_machine_as_test(
            type("Given", (Machine,), given),
            settings=settings(
                max_examples=examples,
                stateful_step_count=50,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                report_multiple_bugs=False,
            ),
        )


@pytest.mark.slow
@pytest.mark.parametrize("limit", [3, 25])
def test_the_outbox_keeps_its_promises(limit: int) -> None:
    """One live lease a lead, nothing vanishes, the pace is kept: 2 x 150 lives of 50 steps."""
    run(Outbox, limit=limit, examples=150)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "limit", "seen"),
    [
        (DeletesAtClaim, 25, "a lead has vanished"),
        (LeasesNothing, 25, "a second live lease"),
        (DropsUnauthorized, 25, "a lead has vanished"),
        (ForgetsTheUnused, 25, "a lead has vanished"),
        (CountsNoCalls, 3, "too many calls"),
    ],
)
def test_the_machine_finds_planted_bugs(bug: type[Outbox], limit: int, seen: str) -> None:
    """A test that cannot fail proves nothing."""
    with pytest.raises(AssertionError, match=seen):
        run(bug, limit=limit)
