"""What a delivered event leaves, for how long, and in nobody's way."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fprom_middleware import Cancellation, FpromSettings, Lead, Refund, Sale
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.schema import leads
from fprom_middleware.events.receipt import Reason, Status
from fprom_middleware.outbox.admin import Inspection, State
from fprom_middleware.outbox.claims import Batch
from fprom_middleware.outbox.history import History
from fprom_middleware.outbox.lookup import find_of
from fprom_middleware.outbox.purge import PURGE_AT_ONCE, PURGE_PAGE
from tests.support.accounts import ACCOUNT, KEY
from tests.support.clock import DAY, START
from tests.support.leads import answers, make_lead, make_leads, put_leads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fprom_middleware.outbox.store import Outbox
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom, MakeOutbox

SENT = Outcome(Status.SENT, code=200)
BAD_REQUEST = Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400)
SECRET = ("ann@example.com", "Ann@", "user-of-ann-77", "3c9d7f52", "203.0.113.9", KEY)
ANN = Lead(
    email="Ann@Example.com",
    uid="user-of-ann-77",
    tid="3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64",
    ip="203.0.113.9",
    created_at=make_lead().created_at,
)


@pytest.fixture(params=["sqlite_url", "postgresql_url", "mariadb_url"])
def outbox(request: pytest.FixtureRequest, outbox_at: MakeOutbox) -> Outbox:
    """An outbox on each kind of database that keeps its history for a month."""
    url = request.getfixturevalue(request.param)
    outbox = outbox_at(url, history_days=30, rate_limit=10**6)
    # DDL may take a slow disk longer than a view would wait for it.
    outbox.database.run(lambda _connection: None, patience=30, bound=30)
    return outbox


def rows(outbox: Outbox) -> list[Mapping[str, Any]]:
    """Read the table."""
    found = sa.select(leads).order_by(leads.c.id)
    return outbox.database.read(
        lambda connection: [dict(row) for row in connection.execute(found).mappings()]
    )


def deliver(outbox: Outbox, clock: Clock, outcome: Outcome = SENT) -> None:
    """Send all that is due, which comes to this."""
    while batch := outbox.claim(500).claimed:
        outbox.settle(answers(batch, outcome, clock.now))


def hashed(name: str, value: str) -> str:
    """Hash as the document says."""
    told = f"{ACCOUNT}\0{name}\0{value}".encode()
    return hmac.new(KEY.encode(), told, hashlib.sha256).hexdigest()[:32]


def test_a_delivered_event_leaves_a_row_without_a_person(outbox: Outbox, clock: Clock) -> None:
    """Kind, status, times, tries, the tid's tail and two hashes; and nothing to send."""
    outbox.put(outbox.row(ANN, trace="request-4711"))
    clock.later(7)
    deliver(outbox, clock)

    (row,) = rows(outbox)
    kept = {name: value for name, value in row.items() if value is not None}
    assert len(kept.pop("row_key")) == 32
    assert kept.pop("id")
    assert kept == {
        "account": ACCOUNT,
        "kind": "signup",
        "status": "sent",
        "blocked": 0,
        "queued_at": START,
        "created_at": START,
        "delivered_at": START + 7,
        "tried_at": START + 7,
        "attempts": 1,
        "failed_count": 0,
        "not_found_count": 0,
        "own_failures": 0,
        "tid_tail": "7e64",
        "email_hash": hashed("email", "ann@example.com"),
        "uid_hash": hashed("uid", "user-of-ann-77"),
    }
    assert not any(secret in str(row) for secret in SECRET)


@pytest.mark.parametrize(
    ("event", "outcome", "left"),
    [
        (Lead(uid="1", tid="short"), SENT, {"status": "sent", "tid_tail": ""}),
        (Lead(uid="1", ref_id="ann"), SENT, {"status": "sent", "tid_tail": None}),
        (Lead(uid="1", tid="t"), Outcome(Status.DUPLICATE, code=422), {"status": "duplicate"}),
        (
            Sale(uid="1", event_id="a", amount=1, tid="tid-of-a-visitor"),
            Outcome(Status.SKIPPED, Reason.NOT_REFERRED, code=204),
            {"status": "skipped", "reason": "not_referred", "tid_tail": "itor"},
        ),
        (Refund(uid="1", event_id="a", amount=1), SENT, {"kind": "refund", "created_at": None}),
        (Cancellation(uid="1"), SENT, {"kind": "cancellation", "email_hash": None}),
    ],
)
def test_each_end_that_needs_no_person_is_history(
    *,
    sqlite_url: str,
    outbox_at: MakeOutbox,
    clock: Clock,
    event: Any,
    outcome: Outcome,
    left: dict[str, Any],
) -> None:
    """With what the API said, and whom it was about by hash."""
    outbox = outbox_at(sqlite_url, history_days=1)
    outbox.put(outbox.row(event))
    deliver(outbox, clock, outcome)

    (row,) = rows(outbox)
    assert {name: row[name] for name in left} == left
    assert (row["payload"], row["due_at"], row["uid_hash"]) == (None, None, hashed("uid", "1"))


def test_history_is_in_nobody_s_way(outbox: Outbox, clock: Clock) -> None:
    """Not pending, not rejected, never claimed; a later event of the customer does not wait."""
    put_leads(outbox, make_lead(1), make_lead(2))
    deliver(outbox, clock)

    stats = outbox.stats()
    assert (stats.pending, stats.oldest_age, stats.rejected) == (0, None, 0)
    assert outbox.next_due() is None
    clock.later(days=400)
    assert outbox.claim(9) == Batch()
    outbox.put(outbox.row(Sale(uid="1", event_id="a", amount=1)))
    (claimed,) = outbox.claim(9).claimed
    assert claimed.event.kind == "sale"


def test_a_row_that_was_written_before_is_not_sent_again(outbox: Outbox, clock: Clock) -> None:
    """A write that was given up and commits late finds its own history."""
    row = outbox.row(ANN)
    outbox.put(row)
    deliver(outbox, clock)

    outbox.put(row)
    assert (len(rows(outbox)), outbox.stats().pending) == (1, 0)


def test_the_first_end_counts(outbox: Outbox, clock: Clock) -> None:
    """Of two drainers that sent one event, the later one changes nothing of what is known."""
    outbox.put(outbox.row(ANN))
    (first,) = outbox.claim(1).claimed
    clock.later(100)
    (second,) = outbox.claim(1).claimed
    outbox.settle(answers([first], SENT, START))
    before = rows(outbox)
    for outcome in (Outcome(Status.DUPLICATE, code=422), BAD_REQUEST):
        outbox.settle(answers([second], outcome, clock.now))

    assert rows(outbox) == before


def test_delivered_is_delivered_after_a_rejection_too(outbox: Outbox, clock: Clock) -> None:
    """Of an event that another drainer saw rejected while its lease was over."""
    outbox.put(outbox.row(ANN))
    (first,) = outbox.claim(1).claimed
    clock.later(100)
    outbox.settle(answers(outbox.claim(1).claimed, BAD_REQUEST, clock.now))
    outbox.settle(answers([first], SENT, clock.now))

    (row,) = rows(outbox)
    assert (row["status"], row["rejected_at"], row["reason"]) == ("sent", None, None)
    assert outbox.stats().rejected == 0


def test_history_ends_after_its_days(outbox: Outbox, clock: Clock) -> None:
    """By the purge that takes rejected events, and each by its own time."""
    put_leads(outbox, make_lead("sent"))
    deliver(outbox, clock)
    clock.later(days=1)
    put_leads(outbox, make_lead("rejected"), make_lead("waits"))
    outbox.settle(answers(outbox.claim(1).claimed, BAD_REQUEST, clock.now))

    clock.later(days=29, seconds=-1)
    assert outbox.purge() == 0
    clock.later(1)
    assert outbox.purge() == 1
    clock.later(days=1, seconds=1)
    assert outbox.purge() == 1
    (row,) = rows(outbox)
    assert row["due_at"] is not None


def test_no_history_is_kept_where_none_is_wanted(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Rows go at once, and those of before with the next purge."""
    kept, not_kept = (outbox_at(database_url, history_days=days) for days in (30, 0))
    put_leads(kept, make_lead(1))
    deliver(kept, clock)
    put_leads(not_kept, make_lead(2))
    deliver(not_kept, clock)

    assert [row["uid_hash"] for row in rows(kept)] == [hashed("uid", "1")]
    assert (not_kept.purge(), rows(kept)) == (1, [])


@pytest.mark.slow
def test_a_purge_of_very_many_takes_turns_with_the_drain(
    sqlite_url: str, make: MakeFprom, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """Each drain takes some thousands, and once an hour where there are fewer."""
    fprom = make(sqlite_url, rate_limit=10**6)
    outbox = outbox_at(sqlite_url, history_days=30, rate_limit=10**6)
    put_leads(outbox, *make_leads(PURGE_AT_ONCE + PURGE_PAGE + 1))
    deliver(outbox, clock)
    clock.later(days=31)
    left = [PURGE_PAGE + 1, 0, 1, 1]
    for number in left[:2]:
        fprom.drain()
        assert len(rows(outbox)) == number
    put_leads(outbox, make_lead("late"))
    deliver(outbox, clock)
    clock.later(-1)
    fprom.drain()
    assert len(rows(outbox)) == 1


def test_a_person_sees_history_as_such(outbox: Outbox, clock: Clock) -> None:
    """It is listed by its state, not retried, not deleted with what was rejected, but by id."""
    put_leads(outbox, make_lead(1), make_lead(2))
    outbox.settle(answers(outbox.claim(1).claimed, BAD_REQUEST, clock.now))
    deliver(outbox, clock)
    put_leads(outbox, make_lead(3))
    inspection = Inspection(outbox, ACCOUNT, clock)

    by_state = {state: [r.id for r in inspection.newest(9, state=state)] for state in State}
    assert by_state == {State.PENDING: [3], State.REJECTED: [1], State.DELIVERED: [2]}
    assert [row.id for row in inspection.rejected(9)] == [1]
    assert [row.id for row in inspection.everything(rejected_only=True)] == [1]
    assert inspection.retry([2]) == 0
    assert inspection.delete(None) == 1
    assert [row.state for row in inspection.everything()] == ["delivered", "pending"]
    assert inspection.delete([2]) == 1


@pytest.mark.parametrize("whom", ["ANN@example.com ", "user-of-ann-77"])
def test_a_customer_is_found_by_address_and_by_id(outbox: Outbox, clock: Clock, whom: str) -> None:
    """What was sent, what was rejected and what waits; of no other customer, in no other case."""
    other = Lead(email="bob@example.com", uid="User-of-Ann-77", tid="t")
    outbox.put(outbox.row(ANN), outbox.row(other))
    deliver(outbox, clock)
    outbox.put(outbox.row(ANN), outbox.row(other))
    outbox.settle(answers(outbox.claim(9).claimed, BAD_REQUEST, clock.now))
    outbox.put(outbox.row(ANN), outbox.row(other))
    damaged = sa.update(leads).where(leads.c.id == 4).values(payload="{")
    outbox.database.run(lambda connection: connection.execute(damaged))

    found = find_of(Inspection(outbox, ACCOUNT, clock), whom)
    assert [(row.id, str(row.state)) for row in found] == [
        (1, "delivered"), (3, "rejected"), (5, "pending"),
    ]  # fmt: skip
    assert find_of(Inspection(outbox, ACCOUNT, clock), "nobody@example.com") == []


def test_a_new_key_makes_older_history_unfindable(
    sqlite_url: str, make: MakeFprom, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """That is what the hash is keyed for; and without a key it is not looked for."""
    outbox = outbox_at(sqlite_url, history_days=30)
    outbox.put(outbox.row(ANN))
    deliver(outbox, clock)

    for key, count in [(KEY, 1), ("another-key", 0)]:
        outbox.history = History(FpromSettings(api_key=key, account_id=ACCOUNT))
        assert len(find_of(Inspection(outbox, ACCOUNT, clock), "ann@example.com")) == count
    assert rows(make(sqlite_url).delivery.outbox)  # type: ignore[attr-defined]  # of an outbox


def test_one_customer_s_hash_is_another_one_s_in_another_account() -> None:
    """Two shops of one owner cannot be joined, and an address is no id."""
    one, other = (
        History(FpromSettings(api_key=KEY, account_id=account)) for account in ("one", "other")
    )
    hashes = {*one.hashes("a", "a").values(), *other.hashes("a", "a").values()}
    assert len(hashes) == 4
    assert one.hashes(" A@Example.COM", None) == one.hashes("a@example.com", None)
    assert one.seconds == 30 * DAY
    assert KEY not in repr(one.__dict__)
