"""A model of the outbox that knows customers: who waits for whom, and what is credited."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fprom_middleware import Cancellation, Lead, Refund, Sale, Status
from fprom_middleware.api.protocol import Outcome, build_call, read_answer
from fprom_middleware.events.event import Kind
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.claims import Answer
from fprom_middleware.outbox.retry import decide
from fprom_middleware.outbox.turns import LONGEST_TURN_SECONDS
from fprom_middleware.sandbox import FirstPromoterDouble
from tests.support.accounts import ACCOUNT, KEY, make_settings
from tests.support.clock import DAY, START, Clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from fprom_middleware.events.kinds import AnyEvent
    from fprom_middleware.outbox.claims import Batch
    from fprom_middleware.outbox.store import Outbox

DRAINERS = 3
CUSTOMERS = 3
MOST = 8
SETTINGS = make_settings()
NOT_TAKEN = {
    "down": (503, None),
    "limited": (429, None),
    "limited for 5 s": (429, "5"),
    "bad request": (400, None),
}
TROUBLES = ("timeout", "answer lost", *NOT_TAKEN)
TAKEN = {200, 409, 422}


@dataclass
class Told:
    """An event that was handed in.

    Attributes:
        number: Which, in the order of handing in.
        customer: Whose.
        event: What.
        queued_at: When.
        available_at: When it may be claimed, as far as it alone is concerned: due again, or the
            end of the lease that it is under.
        overtook: True where it was sent after a day, with an earlier one still waiting.
    """

    number: int
    customer: int
    event: AnyEvent
    queued_at: float
    available_at: float
    overtook: bool = False

    @property
    def keys(self) -> set[str]:
        """Whom it is about."""
        return {key for key in (self.event.email, self.event.uid) if key is not None}


@dataclass(frozen=True)
class Held:
    """What a process has claimed and not settled, and which events these are."""

    batch: Batch
    told: Sequence[Told]


class OrderMachine(RuleBasedStateMachine):
    """Three drainers of one outbox, FirstPromoter's double, and processes that are killed."""

    # Shared by all examples of a run: to open a file costs more than all the steps.
    clock: ClassVar[Clock]
    drainers: ClassVar[Sequence[Outbox]]
    table: ClassVar[sqlite3.Connection]

    def __init__(self) -> None:
        super().__init__()
        self.clock.now = START
        # A customer's promoter is known once the browser has reported its click.
        self.api = FirstPromoterDouble(api_key=KEY, account_id=ACCOUNT, clock=self.clock)
        self.told: list[Told] = []
        self.by_row: dict[int, Told] = {}
        self.holdings: list[list[Held]] = [[] for _ in range(DRAINERS)]
        # By event: how often the API has answered it for good, and how often it was credited.
        self.answered: Counter[int] = Counter()
        self.credited: Counter[int] = Counter()
        self.muddled: set[int] = set()

    @initialize()
    def empty(self) -> None:
        """Begin with an empty table."""
        self.table.execute("DELETE FROM fprom_outbox")
        self.drainers[0].resume()

    # What happens

    @rule(
        customer=st.integers(0, CUSTOMERS - 1),
        kinds=st.lists(st.sampled_from(Kind), min_size=1, max_size=4),
        by=st.sampled_from(["email", "uid", "both"]),
    )
    def hand_in(self, customer: int, kinds: list[Kind], by: str) -> None:
        """A customer signs up, pays, gets money back or leaves."""
        for kind in kinds:
            self.put(customer, kind, by)

    @rule(who=st.integers(0, DRAINERS - 1), most=st.integers(1, MOST))
    def claim(self, who: int, most: int) -> None:
        """A process claims what is next."""
        held = self.take_turns(self.drainers[who].claim(most))
        if held.told:
            self.holdings[who].append(held)

    @precondition(lambda self: any(self.holdings))
    @rule(
        data=st.data(),
        good=st.integers(0, MOST),
        trouble=st.sampled_from((None, *TROUBLES)),
        waited=st.sampled_from([0.0, 0.2, 9.0]),
        killed=st.booleans(),
    )
    def send(
        self, data: st.DataObject, good: int, trouble: str | None, waited: float, killed: bool
    ) -> None:
        """It sends some of what it holds, up to the first trouble, and settles or is killed."""
        who = data.draw(st.sampled_from([n for n, held in enumerate(self.holdings) if held]))
        held = self.holdings[who].pop(0)
        answers: list[Answer] = []
        for number in range(min(good + (trouble is not None), len(held.told))):
            answers.append(self.call(held, number, trouble if number == good else None))
            if answers[-1].status is Status.FAILED:
                break
        self.clock.later(waited)
        if killed:
            self.holdings[who].clear()
        else:
            self.settle(who, held, answers)

    @rule(who=st.integers(0, DRAINERS - 1))
    def kill(self, who: int) -> None:
        """A process is killed between its claim and its first call."""
        self.holdings[who].clear()

    @rule(customer=st.integers(0, CUSTOMERS - 1))
    def report_click(self, customer: int) -> None:
        """The browser reports the click that it came by: from now on the visitor is known."""
        self.api.click(f"promoter-{customer}")

    @rule(seconds=st.sampled_from([0.5, 12.0, 33.0, 61.0, 301.0, 3601.0, 1.0 * DAY]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.later(seconds)

    @rule(who=st.integers(0, DRAINERS - 1))
    def look_for_all(self, who: int) -> None:
        """Whoever is due and next is claimed, whatever becomes of other customers' events."""
        self.drainers[who].resume()
        due = [
            told
            for told in self.waiting()
            if told.available_at <= self.clock.now and self.may_go(told)
        ]
        claims = list(self.claim_all(who))
        for held in claims:
            self.settle(who, held, [])
        claimed = {told.number for held in claims for told in held.told}
        assert {told.number for told in due} <= claimed, "an event is held up"

    def teardown(self) -> None:
        """In the end all is well again: what was handed in has ended, and is credited once."""
        for customer in range(CUSTOMERS):
            self.report_click(customer)
        while self.waiting():
            self.clock.later(3 * 3600)
            self.drainers[0].resume()
            claims = list(self.claim_all(0))
            assert claims, "an event waits for ever"
            for held in claims:
                self.settle(0, held, [self.call(held, n, None) for n in range(len(held.told))])
        self.nothing_is_lost()
        for told in self.told:
            if isinstance(told.event, Sale | Refund) and self.must_be_credited(told):
                assert self.credited[told.number] == 1, "not credited once"

    # What always holds

    @invariant()
    def nothing_is_lost(self) -> None:
        """What has left the table was answered for good by the API."""
        there = self.rows()
        for told in self.told:
            lost = told.number not in there and not self.answered[told.number]
            assert not lost, "an event is lost"
        assert all(count <= 1 for count in self.credited.values()), "credited twice"

    def take_turns(self, batch: Batch) -> Held:
        """Compare a claim with the model: nothing before its time, and nothing out of turn."""
        now = self.clock.now
        held = Held(batch, [self.by_row[item.id] for item in batch.claimed])
        for item, told in zip(batch.claimed, held.told, strict=True):
            assert item.event == told.event
            assert told.available_at <= now, "claimed before its time"
            assert self.may_go(told), "claimed out of turn"
            told.overtook |= any(self.earlier(told))
            told.available_at = item.lease
        return held

    def may_go(self, told: Told) -> bool:
        """Say whether each earlier event of its customer has ended, or a day has passed."""
        aged = self.clock.now - told.queued_at >= LONGEST_TURN_SECONDS
        return aged or not any(self.earlier(told))

    def earlier(self, told: Told) -> Iterator[Told]:
        """Yield the earlier events of its customer that have not ended."""
        for other in self.waiting():
            if other.number < told.number and other.keys & told.keys:
                yield other

    def must_be_credited(self, told: Told) -> bool:
        """Say whether its customer was a lead by when its turn had come."""
        signed_up = any(
            other.event.kind is Kind.SIGNUP and self.credited[other.number] and not other.overtook
            for other in self.told[: told.number]
            if other.customer == told.customer and other.keys & told.keys
        )
        if told.overtook or told.customer in self.muddled:
            return False
        return signed_up and told.number not in self.rejected()

    # What it takes

    def put(self, customer: int, kind: Kind, by: str) -> None:
        """Write an event, as a view does."""
        number = len(self.told)
        is_lead = kind is Kind.SIGNUP
        email = f"customer-{customer}@example.com" if by != "uid" or is_lead else None
        uid = f"uid-{customer}" if by != "email" or is_lead else None
        name, amount = str(number), 1000 + number
        event: AnyEvent
        match kind:
            case Kind.SIGNUP:
                event = Lead(email=email, uid=uid, ref_id=f"promoter-{customer}")
            case Kind.SALE:
                event = Sale(email=email, uid=uid, event_id=name, amount=amount)
            case Kind.REFUND:
                event = Refund(email=email, uid=uid, event_id=name, amount=amount)
            case Kind.CANCELLATION:
                event = Cancellation(email=email, uid=uid)
        outbox = self.drainers[number % DRAINERS]
        outbox.put(outbox.row(event))
        now = self.clock.now
        told = Told(number, customer, event, queued_at=now, available_at=now)
        ((row,),) = self.table.execute("SELECT max(id) FROM fprom_outbox")
        self.by_row[row] = told
        self.told.append(told)

    def call(self, held: Held, number: int, trouble: str | None) -> Answer:
        """Make a call, and decide what becomes of the event as the drain does."""
        item, told = held.batch.claimed[number], held.told[number]
        if self.clock.now >= item.lease:
            # A process that stood still for longer than its lease: somebody else may have been
            # there, and come to another end.
            self.muddled.add(told.customer)
        if trouble in NOT_TAKEN:
            code, retry_after = NOT_TAKEN[trouble]
            outcome = read_answer(item.event, code, b"{}", retry_after=retry_after)
        elif trouble == "timeout":
            outcome = Outcome(Status.FAILED, Reason.NETWORK)
        else:
            call = build_call(SETTINGS, item.event)
            answer = self.api.call(item.event.kind, call.headers, call.body)
            outcome = read_answer(item.event, answer.status, answer.body)
            # A cancellation has no id: each time that it is told it is another one.
            is_credit = answer.status == HTTPStatus.OK and told.event.kind is not Kind.CANCELLATION
            self.credited[told.number] += is_credit
            self.answered[told.number] += answer.status in TAKEN
            if trouble is not None:
                outcome = Outcome(Status.FAILED, Reason.NETWORK)
        now = self.clock.now
        retry = decide(
            outcome,
            failed_count=item.failed_count,
            not_found_count=item.not_found_count,
            now=now,
            jitter=lambda least, most: (least + most) / 2,
        )
        self.answered[told.number] += retry is None
        return Answer(claimed=item, outcome=outcome, at=now, retry=retry)

    def settle(self, who: int, held: Held, answers: Sequence[Answer]) -> None:
        """Write down what became of a batch, and give the rest back."""
        claimed = held.batch.claimed
        unused = claimed[len(answers) :]
        self.drainers[who].settle(answers, probe=held.batch.probe, unused=unused)
        retries = [answer.retry for answer in answers] + [None] * len(unused)
        for item, told, retry in zip(claimed, held.told, retries, strict=True):
            if told.available_at == item.lease:
                told.available_at = self.clock.now if retry is None else retry.due_at

    def claim_all(self, who: int) -> Iterator[Held]:
        """Claim until there is nothing more to have."""
        # More than there can be, where each claim gets on.
        for _ in range(2 * len(self.told) + 1):
            batch = self.drainers[who].claim(MOST)
            if not batch.claimed and not batch.blocked:
                return
            yield self.take_turns(batch)
        pytest.fail("the claims come to no end")

    def rows(self) -> set[int]:
        """Return the events that are in the table."""
        return {self.by_row[row].number for (row,) in self.table.execute(_IDS)}

    def rejected(self) -> set[int]:
        """Return those of them that have ended."""
        ended = self.table.execute(f"{_IDS} AND due_at IS NULL")
        return {self.by_row[row].number for (row,) in ended}

    def waiting(self) -> list[Told]:
        """Return those of them that have not, in their order."""
        pending = self.table.execute(f"{_IDS} AND due_at IS NOT NULL ORDER BY id")
        return [self.by_row[row] for (row,) in pending]


_IDS = "SELECT id FROM fprom_outbox WHERE delivered_at IS NULL"
