"""Put, claim, settle: on SQLite and on PostgreSQL, alone and in a crowd."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from fprom_middleware import Lead, Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.schema import accounts, leads
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.claims import Batch
from fprom_middleware.outbox.purge import KEEP_REJECTED_SECONDS
from fprom_middleware.outbox.stats import Stats
from tests.support.accounts import ACCOUNT
from tests.support.clock import START
from tests.support.leads import answers, make_lead, make_leads, put_leads
from tests.support.programs import start_program
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fprom_middleware.outbox.claims import Claimed
    from fprom_middleware.outbox.retry import Retry
    from fprom_middleware.outbox.store import Outbox
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeOutbox

SENT = Outcome(Status.SENT, code=200)
DUPLICATE = Outcome(Status.DUPLICATE, code=422)
BAD_REQUEST = Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400)
UNKNOWN = Outcome(Status.REJECTED, Reason.UNKNOWN_VISITOR, code=404, early=True)
DOWN = Outcome(Status.FAILED, Reason.SERVER_ERROR, code=503)
LIMITED = Outcome(Status.FAILED, Reason.RATE_LIMITED, code=429)
LEASE = 32.0


def rows(outbox: Outbox) -> list[Mapping[str, object]]:
    """Read the table."""
    return outbox.database.read(
        lambda connection: [
            dict(row) for row in connection.execute(sa.select(leads).order_by("id")).mappings()
        ]
    )


def settle(outbox: Outbox, batch: Batch, outcome: Outcome, now: float) -> list[Retry | None]:
    """Settle a whole batch alike."""
    decided = answers(batch.claimed, outcome, now)
    outbox.settle(decided, probe=batch.probe)
    return [answer.retry for answer in decided]


def uids(claimed: Sequence[Claimed]) -> list[str | None]:
    """Name the leads of a batch."""
    return [item.event.uid for item in claimed]


# Put

LEFT_LATER = ("delivered_at", "status", "created_at", "tid_tail", "email_hash", "uid_hash")


def test_a_lead_is_one_row(database_url: str, outbox_at: MakeOutbox) -> None:
    """Due now, of its account, and as it will be sent."""
    outbox = outbox_at(database_url)
    lead = Lead(
        email="jürgen@example.com",
        uid="\udcff",
        tid="t",
        ip="203.0.113.9",
        created_at=datetime(2026, 11, 22, 10, 0, 0, 123456, UTC),
        skip_email_notification=True,
    )
    put_leads(outbox, lead)
    (row,) = rows(outbox)

    assert len(str(row["row_key"])) == 32
    assert {row["email_key"], row["uid_key"]}.isdisjoint({None})
    varies = dict.fromkeys(("payload", "id", "row_key", "email_key", "uid_key"))
    assert {**row, **varies} == {
        **varies,
        "account": ACCOUNT,
        "kind": "signup",
        "blocked": 0,
        "due_at": START,
        "queued_at": START,
        "attempts": 0,
        "tried_at": None,
        "failed_count": 0,
        "not_found_count": 0,
        "own_failures": 0,
        "rejected_at": None,
        "reason": None,
        **dict.fromkeys((*LEFT_LATER, "trace")),
    }
    assert json.loads(str(row["payload"])) == lead.to_json()
    assert str(row["payload"]).isascii()
    assert outbox.claim(1).claimed[0].event.to_json() == lead.to_json()


@pytest.mark.slow
def test_many_leads_are_written_together_or_not_at_all(
    database_url: str, outbox_at: MakeOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction."""
    outbox = outbox_at(database_url)
    put_leads(outbox, *make_leads(3))
    row = outbox.row
    broken = make_lead("broken")
    monkeypatch.setattr(
        outbox, "row", lambda lead: {**row(lead), **({"account": None} if lead is broken else {})}
    )
    with pytest.raises(sa.exc.IntegrityError):
        put_leads(outbox, *make_leads(3), broken)

    assert outbox.stats().pending == 3


# Claim


def test_a_claim_brings_the_oldest_due_leads_first(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """As many as asked for, each with its lease."""
    outbox = outbox_at(database_url)
    for number in range(3):
        put_leads(outbox, make_lead(number))
        clock.later(1)
    first, second, third = outbox.claim(2), outbox.claim(2), outbox.claim(2)

    assert [uids(batch.claimed) for batch in (first, second)] == [["0", "1"], ["2"]]
    assert {item.lease for item in first.claimed} == {clock.now + LEASE}
    assert first.claimed[0].permit_at == clock.now
    assert (first.claimed[0].attempts, first.claimed[0].not_found_count, first.probe) == (
        0,
        0,
        False,
    )
    assert third == Batch()


def test_what_is_due_later_is_not_claimed_before(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Not a moment earlier."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())
    clock.later(-0.001)
    assert outbox.claim(1) == Batch()
    clock.later(0.001)
    assert len(outbox.claim(1).claimed) == 1


def test_accounts_do_not_see_each_other(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Leads, pace and pause are each account's own."""
    one, two = (outbox_at(database_url, account=name, rate_limit=1) for name in ("one", "two"))
    put_leads(one, make_lead("of-one"))
    put_leads(two, make_lead("of-two"))
    batch = one.claim(9)
    settle(one, batch, LIMITED, clock.now)

    assert uids(batch.claimed) == ["of-one"]
    assert (one.paused(), two.paused()) == (True, False)
    assert uids(two.claim(9).claimed) == ["of-two"]


def test_a_look_that_finds_nothing_to_do_waits_for_no_writer(
    sqlite_url: str, outbox_at: MakeOutbox
) -> None:
    """Idle drainers stand in nobody's way, and nobody in theirs."""
    outbox, writer = outbox_at(sqlite_url), outbox_at(sqlite_url)
    outbox.stats()

    def look(_connection: object) -> list[object]:
        return [outbox.claim(1), outbox.next_due(), outbox.paused(), outbox.stats().pending]

    assert writer.database.run(look) == [Batch(), None, False, 0]


def test_a_lease_that_ended_is_claimed_again_with_its_counters(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """A process that was killed loses nothing but time."""
    killed, other = outbox_at(database_url), outbox_at(database_url)
    put_leads(killed, make_lead())
    settle(killed, killed.claim(1), UNKNOWN, clock.now)
    clock.later(10)
    killed.claim(1)
    clock.later(LEASE - 0.001)
    assert other.claim(1) == Batch()
    clock.later(0.001)
    (item,) = other.claim(1).claimed

    assert (item.attempts, item.not_found_count) == (1, 1)


def test_a_lease_outlasts_three_calls(database_url: str, outbox_at: MakeOutbox) -> None:
    """Of whatever time-out."""
    outbox = outbox_at(database_url, timeout=2.5)
    put_leads(outbox, make_lead())

    assert outbox.claim(1).claimed[0].lease == START + 9.5


def test_the_pace_is_shared_by_all(database_url: str, outbox_at: MakeOutbox, clock: Clock) -> None:
    """Ten a minute: six for one, four for the other, then nothing for a minute."""
    one, two = (outbox_at(database_url, rate_limit=10) for _ in range(2))
    put_leads(one, *make_leads(30))

    assert [len(drainer.claim(6).claimed) for drainer in (one, two, one, two)] == [6, 4, 0, 0]
    opens = one.next_due()
    assert opens == START + 62
    clock.now = opens
    assert len(two.claim(20).claimed) == 10


def test_while_paused_nothing_is_claimed_and_then_three_leads_by_one_drainer(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """The probe: of the least tried the newest and the oldest. A dead prober frees its place."""
    drainers = [outbox_at(database_url) for _ in range(3)]
    put_leads(drainers[0], *make_leads(20))
    for drainer in (*drainers, *drainers[:2]):
        settle(drainer, drainer.claim(1), DOWN, clock.now)
    clock.later(59.9)
    assert not any(drainer.claim(9).claimed for drainer in drainers)
    clock.later(0.1)
    batches = [drainer.claim(9) for drainer in drainers]
    assert [uids(batch.claimed) for batch in batches] == [["19", "5", "6"], [], []]
    assert batches[0].probe
    # One call after the other, each of up to ten seconds: counted where the last may begin.
    assert {item.permit_at for item in batches[0].claimed} == {clock.now + 20}
    clock.later(32)
    batches = [drainer.claim(1) for drainer in reversed(drainers)]
    assert [uids(batch.claimed) for batch in batches] == [["5"], [], []]
    settle(drainers[2], batches[0], SENT, clock.now)
    assert len(drainers[1].claim(9).claimed) == 9


def test_rows_that_a_migration_lost_are_made_anew(database_url: str, outbox_at: MakeOutbox) -> None:
    """The account's row is gone while the app runs: pace and pauses begin anew."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())
    outbox.database.run(lambda connection: connection.execute(sa.delete(accounts)))

    assert not outbox.paused()
    assert len(outbox.claim(1).claimed) == 1
    count = sa.select(sa.func.count()).select_from(accounts)
    assert outbox.database.read(lambda connection: connection.scalar(count)) == 1


# Settle


@pytest.mark.parametrize("outcome", [SENT, DUPLICATE])
def test_a_delivered_lead_is_deleted(
    database_url: str, outbox_at: MakeOutbox, clock: Clock, outcome: Outcome
) -> None:
    """200, and 422 as well."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())

    assert settle(outbox, outbox.claim(1), outcome, clock.now) == [None]
    assert rows(outbox) == []


def test_a_rejected_lead_is_kept_with_its_reason(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """For thirty days, for a person to look at; nobody claims it."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())
    settle(outbox, outbox.claim(1), BAD_REQUEST, clock.now)
    (row,) = rows(outbox)

    assert (row["due_at"], row["rejected_at"], row["reason"]) == (None, START, "bad_request")
    assert row["attempts"] == 1
    clock.later(KEEP_REJECTED_SECONDS - 1)
    assert outbox.purge() == 0
    assert outbox.claim(1) == Batch()
    assert outbox.next_due() is None
    clock.later(2)
    assert (outbox.purge(), rows(outbox)) == (1, [])


def test_a_purge_takes_what_was_rejected_and_nothing_else(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """A lead that has waited for a year still waits."""
    mine, other = outbox_at(database_url), outbox_at(database_url, account="other")
    for outbox in (mine, other):
        put_leads(outbox, make_lead("rejected"), make_lead("waiting"))
        settle(outbox, outbox.claim(1), BAD_REQUEST, clock.now)
    clock.later(400 * 86400)

    assert mine.purge() == 1
    assert len(rows(mine)) == 3


def test_a_failed_call_makes_the_lead_due_later(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Counted, and by its Retry-After at the least."""
    outbox = outbox_at(database_url)
    put_leads(outbox, make_lead())
    asks = Outcome(Status.FAILED, Reason.SERVER_ERROR, 100.0, 503)
    (step,) = settle(outbox, outbox.claim(1), asks, clock.now + 1)
    (row,) = rows(outbox)

    assert step is not None
    assert row["due_at"] == step.due_at == START + 101
    assert (row["attempts"], row["not_found_count"]) == (1, 0)


def test_what_was_not_sent_is_given_back_at_once_and_not_counted(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Neither as a try of the lead nor as a call of the minute."""
    outbox = outbox_at(database_url, rate_limit=5)
    put_leads(outbox, *make_leads(5))
    batch = outbox.claim(5)
    clock.later(1.5)
    outbox.settle(answers(batch.claimed[:1], SENT, clock.now), unused=batch.claimed[1:])
    again = outbox.claim(9)

    assert [item.attempts for item in again.claimed] == [0] * 4
    assert uids(again.claimed) == ["1", "2", "3", "4"]


def test_settling_nothing_changes_nothing(database_url: str, outbox_at: MakeOutbox) -> None:
    """Not even the shared state."""
    outbox = outbox_at(database_url)

    outbox.settle([])

    assert outbox.stats() == Stats()


def test_who_lost_the_lease_changes_the_lead_only_by_delivering_it(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """A late failure or rejection must not disturb the new holder; delivered is delivered."""
    slow, other = outbox_at(database_url), outbox_at(database_url)
    put_leads(slow, make_lead())
    old = slow.claim(1)
    clock.later(LEASE)
    new = other.claim(1)
    before = rows(slow)
    settle(slow, old, DOWN, clock.now)
    settle(slow, old, BAD_REQUEST, clock.now)
    slow.settle([], unused=old.claimed)
    assert rows(slow) == before

    settle(slow, old, SENT, clock.now)
    assert rows(slow) == []
    assert settle(other, new, BAD_REQUEST, clock.now) == [None]
    assert rows(slow) == []


def test_a_late_delivery_does_not_take_who_has_its_row_by_now(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """SQLite gives the id of a deleted row to the next one."""
    slow, other = outbox_at(database_url), outbox_at(database_url)
    put_leads(slow, make_lead("old"))
    late = slow.claim(1)
    clock.later(LEASE)
    settle(other, other.claim(1), DUPLICATE, clock.now)
    put_leads(other, make_lead("new"))
    settle(slow, late, SENT, clock.now)

    assert uids(other.claim(1).claimed) == ["new"]


@pytest.mark.slow
def test_settling_is_patient(outbox_at: MakeOutbox, sqlite_url: str, clock: Clock) -> None:
    """What was sent is worth waiting for: up to a call's time-out, not a view's second."""
    outbox, other = outbox_at(sqlite_url, timeout=60), outbox_at(sqlite_url)
    put_leads(outbox, make_lead())
    batch = outbox.claim(1)
    locked = threading.Event()

    def hold() -> None:
        def work(_connection: object) -> None:
            locked.set()
            time.sleep(1.5)

        other.database.run(work)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(PATIENCE)
    settle(outbox, batch, SENT, clock.now)
    thread.join()

    assert rows(outbox) == []


# Looking


def test_the_figures(database_url: str, outbox_at: MakeOutbox, clock: Clock) -> None:
    """Pending (those on their way included), oldest age, rejected, paused and since when."""
    outbox = outbox_at(database_url)
    empty = dict(outbox.stats())
    put_leads(outbox, *make_leads(3))
    clock.later(5)
    put_leads(outbox, make_lead())
    settle(outbox, outbox.claim(1), BAD_REQUEST, clock.now)
    outbox.claim(1)
    settle(outbox, outbox.claim(1), LIMITED, clock.now)
    clock.later(7)
    put_leads(outbox_at(database_url, account="other"), make_lead())

    assert empty == {
        "pending": 0,
        "oldest_age": None,
        "rejected": 0,
        "paused": None,
        "paused_since": None,
        "next_try_at": None,
        "not_durable": 0,
        "hook_errors": 0,
    }
    assert dict(outbox.stats(not_durable=2)) == {
        "pending": 5,
        "oldest_age": 12.0,
        "rejected": 1,
        "paused": "rate_limited",
        "paused_since": START + 5,
        "next_try_at": START + 65,
        "not_durable": 2,
        "hook_errors": 0,
    }
    clock.later(-3600)
    assert outbox.stats().oldest_age == 0.0
    with pytest.raises(KeyError):
        outbox.stats()["nonsense"]


def test_the_next_moment_with_something_to_do(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """None, now, when a lease ends, when the pause ends."""
    outbox = outbox_at(database_url)
    assert outbox.next_due() is None
    put_leads(outbox, make_lead())
    clock.later(5)
    assert outbox.next_due() == clock.now
    batch = outbox.claim(1)
    assert outbox.next_due() == clock.now + LEASE
    settle(outbox, batch, LIMITED, clock.now)
    assert outbox.next_due() == clock.now + 60


@pytest.mark.parametrize("hour", [-3600.0, 3600.0])
def test_a_clock_that_jumps_an_hour_loses_nothing_and_blocks_nothing_for_ever(
    database_url: str, outbox_at: MakeOutbox, clock: Clock, hour: float
) -> None:
    """Leads in every state; within an hour and a bit all of them are delivered."""
    outbox = outbox_at(database_url, rate_limit=10)
    put_leads(outbox, *make_leads(12))
    outbox.claim(3)
    settle(outbox, outbox.claim(3), SENT, clock.now)
    settle(outbox, outbox.claim(1), LIMITED, clock.now)
    clock.later(hour)
    put_leads(outbox, make_lead())
    jumped, delivered = clock.now, 0
    while (due := outbox.next_due()) is not None:
        clock.now = max(due, clock.now)
        batch = outbox.claim(50)
        delivered += len(settle(outbox, batch, SENT, clock.now))

    assert delivered == 10
    assert clock.now - jumped <= 3600 + 400


def test_new_leads_go_before_those_that_are_tried_again(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Whatever has been due for longer; then the others, the longest due first."""
    outbox = outbox_at(database_url)
    put_leads(outbox, *(make_lead(uid) for uid in ("old-1", "old-2")))
    for _ in range(2):
        settle(outbox, outbox.claim(1), UNKNOWN, clock.now)
        clock.later(1)
    clock.later(100)
    put_leads(outbox, make_lead("new-1"))
    clock.later(1)
    put_leads(outbox, make_lead("new-2"))

    assert uids(outbox.claim(3).claimed) == ["new-1", "new-2", "old-1"]
    assert uids(outbox.claim(3).claimed) == ["old-2"]


def test_a_database_that_is_busy_keeps_a_batch_from_being_settled(
    sqlite_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """That passes: it is not tried row by row."""
    outbox, other = outbox_at(sqlite_url, timeout=0.1), outbox_at(sqlite_url)
    put_leads(outbox, *make_leads(3))
    batch = outbox.claim(3)

    def hold(_connection: object) -> None:
        with pytest.raises(OperationalError):
            settle(outbox, batch, SENT, clock.now)

    other.database.run(hold)
    settle(outbox, batch, SENT, clock.now)
    assert rows(outbox) == []


def test_a_row_that_cannot_be_settled_keeps_no_other_from_being_given_back(
    outbox_at: MakeOutbox, sqlite_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """What was claimed with it and not sent is due again at once."""
    outbox = outbox_at(sqlite_url)
    put_leads(outbox, *make_leads(3))
    batch = outbox.claim(3)
    refuse = "CREATE TRIGGER t BEFORE DELETE ON fprom_outbox BEGIN SELECT RAISE(ABORT, 'no'); END"
    outbox.database.run(lambda connection: connection.execute(sa.text(refuse)))

    outbox.settle(answers(batch.claimed[:1], SENT, clock.now), unused=batch.claimed[1:])

    assert uids(outbox.claim(3).claimed) == ["1", "2"]
    assert "cannot be settled" in caplog.text


# In a crowd


def drain_all(outbox: Outbox, claims: list[tuple[str | None, float]], problems: list[str]) -> None:
    """Claim and settle until nothing is due."""
    while (batch := outbox.claim(7)).claimed:
        claims += [(item.event.uid, item.lease) for item in batch.claimed]
        outbox.settle(answers(batch.claimed, SENT, START))
    if outbox.next_due() is not None:
        # Rows that others hold at this moment were passed over: they are not lost either.
        problems.append("left")


@pytest.mark.slow
@pytest.mark.parametrize("drainers", [4])
def test_threads_never_claim_the_same_lead(
    database_url: str, outbox_at: MakeOutbox, drainers: int
) -> None:
    """Four drainers with connections of their own, 2,000 leads, each claimed exactly once."""
    first = outbox_at(database_url, rate_limit=10**6)
    put_leads(first, *make_leads(2000))
    outboxes = [outbox_at(database_url, rate_limit=10**6) for _ in range(drainers)]
    claims: list[tuple[str | None, float]] = []
    threads = [threading.Thread(target=drain_all, args=[outbox, claims, []]) for outbox in outboxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Counter(uid for uid, _ in claims) == Counter(str(number) for number in range(2000))
    assert rows(first) == []


CLAIM_ALL = """
import sys
from fprom_middleware.api.protocol import Outcome
from fprom_middleware import Status
from tests.support.accounts import make_outbox
from tests.support.clock import START
from tests.support.leads import answers
outbox = make_outbox(sys.argv[1], lambda: START, rate_limit=10**6)
print("ready", flush=True)
input()
misses = 0
while misses < 3:
    batch = outbox.claim(7)
    misses = 0 if batch.claimed else misses + 1
    for item in batch.claimed:
        print(item.event.uid)
    outbox.settle(answers(batch.claimed, Outcome(Status.SENT), START))
"""


@pytest.mark.slow
def test_processes_never_claim_the_same_lead(database_url: str, outbox_at: MakeOutbox) -> None:
    """Four processes, 2,000 leads, while a fifth goes on writing."""
    outbox = outbox_at(database_url, rate_limit=10**6)
    put_leads(outbox, *make_leads(2000))
    programs = [start_program(CLAIM_ALL, database_url) for _ in range(4)]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    for number in range(2000, 2050):
        put_leads(outbox, make_lead(number))
    claimed: Counter[str] = Counter()
    for program in programs:
        out, err = program.communicate(timeout=60)
        assert program.returncode == 0, err
        claimed.update(out.split())
    left = [str(item.event.uid) for item in every_due(outbox)]

    assert claimed + Counter(left) == Counter(str(number) for number in range(2050))


def every_due(outbox: Outbox) -> list[Claimed]:
    """Claim what the processes left: leads that were written after their last look."""
    found: list[Claimed] = []
    while (batch := outbox.claim(500)).claimed:
        found += batch.claimed
    return found


def test_drainers_of_one_server_do_not_wait_for_each_others_rows(
    postgresql_url: str, outbox_at: MakeOutbox
) -> None:
    """SKIP LOCKED: a row that somebody else has locked is passed over."""
    outbox = outbox_at(postgresql_url)
    put_leads(outbox, *make_leads(2))
    engine = sa.create_engine(outbox.database.url)
    with engine.begin() as connection:
        connection.execute(sa.select(leads).where(leads.c.id == 1).with_for_update())
        assert uids(outbox.claim(9).claimed) == ["1"]
    engine.dispose()
