"""Each customer's events go in their order, and no customer is held up by another's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from fprom_middleware import Cancellation, Lead, Refund, Sale, Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.order_keys import order_keys
from fprom_middleware.database.schema import accounts, leads
from fprom_middleware.events.receipt import Reason
from fprom_middleware.outbox.admin import Inspection
from fprom_middleware.outbox.claims import Answer
from fprom_middleware.outbox.retry import LONGEST_WAIT_SECONDS
from fprom_middleware.outbox.turns import LONGEST_TURN_SECONDS
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import ACCOUNT
from tests.support.clock import DAY, START
from tests.support.leads import answers
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fprom_middleware.events.kinds import AnyEvent
    from fprom_middleware.outbox.claims import Batch, Claimed
    from fprom_middleware.outbox.store import Outbox
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeOutbox

SENT = Outcome(Status.SENT, code=200)
ENDS: dict[str, Outcome] = {
    "sent": SENT,
    "duplicate": Outcome(Status.DUPLICATE, code=409),
    "not referred": Outcome(Status.SKIPPED, Reason.NOT_REFERRED, code=204),
    "rejected": Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400),
}
DOWN = Outcome(Status.FAILED, Reason.SERVER_ERROR, code=503)


@pytest.fixture(params=["sqlite_url", "postgresql_url", "mariadb_url"])
def any_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database, empty."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def outbox(database_url: str, outbox_at: MakeOutbox) -> Outbox:
    """An outbox that no pace slows down."""
    return outbox_at(database_url, rate_limit=10**6)


def lead(email: str | None = None, uid: str | None = None) -> Lead:
    """Make a sign-up."""
    return Lead(email=email, uid=uid, tid="t")


def sale(number: int, email: str | None = None, uid: str | None = None) -> Sale:
    """Make a sale, known by its number."""
    return Sale(email=email, uid=uid, event_id=str(number), amount=number)


def put(outbox: Outbox, *events: AnyEvent) -> None:
    """Write events, one after the other."""
    for event in events:
        # A busy machine's server may take longer than a view would wait for it.
        outbox.put(outbox.row(event), patience=PATIENCE)


def rows(outbox: Outbox) -> list[Mapping[str, Any]]:
    """Read the table."""
    statement = sa.select(leads).order_by(leads.c.id)
    return outbox.database.read(
        lambda connection: [dict(row) for row in connection.execute(statement).mappings()],
        patience=PATIENCE,
    )


def change(outbox: Outbox, number: int, **values: Any) -> None:
    """Change a row behind the outbox's back."""
    statement = sa.update(leads).where(leads.c.id == number).values(**values)
    outbox.database.run(lambda connection: connection.execute(statement), patience=PATIENCE)


def claim(outbox: Outbox) -> list[Claimed]:
    """Claim until there is no more to have, as a drain does."""
    found: list[Claimed] = []
    while (batch := outbox.claim(100)).claimed or batch.blocked or batch.unreadable:
        found += batch.claimed
    return found


def ids(claimed: Sequence[Claimed]) -> list[int]:
    """Name what was claimed."""
    return [item.id for item in claimed]


def end(outbox: Outbox, claimed: Sequence[Claimed], outcome: Outcome = SENT) -> None:
    """Settle all of them alike."""
    outbox.settle(answers(claimed, outcome, outbox._clock()))


# --- Who waits for whom -------------------------------------------------------------------

PAIRS: dict[str, tuple[AnyEvent, AnyEvent, bool]] = {
    # the earlier, the later, and whether it waits
    "one address": (lead("a@example.com"), sale(2, "a@example.com"), True),
    "one id": (lead(uid="7"), sale(2, uid="7"), True),
    "one address in other letters": (lead("A@Example.com"), sale(2, "a@EXAMPLE.com"), True),
    "blanks around an address": (lead("a@example.com"), sale(2, " a@example.com "), True),
    "a sharp s": (lead("stra\u00dfe@example.com"), sale(2, "STRASSE@example.com"), True),
    "the address of both": (lead("a@example.com", "7"), sale(2, "a@example.com"), True),
    "the id of both": (lead("a@example.com", "7"), sale(2, uid="7"), True),
    "the same address under another id": (
        lead("a@example.com", "7"),
        sale(2, "a@example.com", "8"),
        True,
    ),
    "the same id under another address": (
        lead("a@example.com", "7"),
        sale(2, "b@example.com", "7"),
        True,
    ),
    "a second sign-up": (lead("a@example.com"), lead("a@example.com"), True),
    "a refund": (sale(1, uid="7"), Refund(uid="7", event_id="r", amount=1), True),
    "a cancellation": (sale(1, uid="7"), Cancellation(uid="7"), True),
    "a sale after a cancellation": (Cancellation(uid="7"), sale(2, uid="7"), True),
    "another address": (lead("a@example.com"), sale(2, "b@example.com"), False),
    "another id": (lead(uid="7"), sale(2, uid="8"), False),
    "an id in other letters": (lead(uid="u"), sale(2, uid="U"), False),
    "an id with blanks around": (lead(uid="u"), sale(2, uid=" u"), False),
    "an id that reads like an address": (
        lead("a@example.com"),
        sale(2, uid="a@example.com"),
        False,
    ),
    "nothing in common": (lead("a@example.com"), sale(2, uid="7"), False),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_who_waits_for_whom(pair: str, any_url: str, outbox_at: MakeOutbox) -> None:
    """Events of one address or one id, whatever their kinds; of no one else."""
    earlier, later, waits = PAIRS[pair]
    outbox = outbox_at(any_url)
    outbox.database.run(lambda _connection: None, patience=PATIENCE)
    put(outbox, earlier, later)

    first = claim(outbox)
    assert ids(first) == ([1] if waits else [1, 2])
    assert [row["blocked"] for row in rows(outbox)] == [0, int(waits)]
    end(outbox, first)
    assert ids(claim(outbox)) == ([2] if waits else [])


def test_another_account_does_not_wait(any_url: str, outbox_at: MakeOutbox) -> None:
    """The same customer in another account is another customer."""
    one, two = outbox_at(any_url), outbox_at(any_url, account="another")
    for outbox in (one, two):
        outbox.database.run(lambda _connection: None, patience=PATIENCE)
    put(one, lead("a@example.com", "7"))
    put(two, sale(2, "a@example.com", "7"))

    assert ids(claim(one)) == [1]
    assert ids(claim(two)) == [2]
    assert len({row["email_key"] for row in rows(one)}) == 2
    assert len({row["uid_key"] for row in rows(one)}) == 2


def test_keys_are_numbers_that_any_database_holds() -> None:
    """Signed, of 64 bits, and the same in every process."""
    keys = order_keys("account-7", {"email": "A@Example.com ", "uid": "7"})
    assert keys == order_keys("account-7", {"email": "a@example.com", "uid": "7"})
    assert keys == {"email_key": -2029735870534413417, "uid_key": 1811924910933370027}
    many = [order_keys("a", {"uid": str(number)})["uid_key"] or 0 for number in range(1000)]
    assert len(set(many)) == 1000
    assert min(many) < 0 < max(many)
    assert all(-(2**63) <= key < 2**63 for key in many)
    assert order_keys("a", {"uid": "\udc80"})["uid_key"] is not None


def test_an_event_may_wait_for_two(outbox: Outbox) -> None:
    """One of its address, one of its id: it goes when both have ended."""
    put(
        outbox,
        lead("a@example.com"),
        lead(uid="7"),
        sale(3, "a@example.com", "7"),
        sale(4, uid="7"),
    )
    one, two = claim(outbox)
    end(outbox, [one])
    assert claim(outbox) == []
    end(outbox, [two])
    third = claim(outbox)
    assert ids(third) == [3]
    end(outbox, third)
    assert ids(claim(outbox)) == [4]


def test_what_comes_free_by_one_may_free_another(outbox: Outbox) -> None:
    """A chain over addresses and ids, ended in any order: each waits for its own alone."""
    put(
        outbox,
        lead("a@example.com"),
        sale(2, "a@example.com", "7"),
        sale(3, "b@example.com", "7"),
        sale(4, "b@example.com"),
        sale(5, "c@example.com"),
    )
    order = []
    while found := claim(outbox):
        order.append(ids(found))
        end(outbox, found)
    assert order == [[1, 5], [2], [3], [4]]


# --- What frees the next ------------------------------------------------------------------


@pytest.mark.parametrize("how", ENDS)
def test_any_end_frees_the_next(how: str, any_url: str, outbox_at: MakeOutbox) -> None:
    """Whatever becomes of an event, what waited for it is due at once, and it keeps no key."""
    outbox = outbox_at(any_url)
    outbox.database.run(lambda _connection: None, patience=PATIENCE)
    put(outbox, lead("a@example.com", "7"), sale(2, "a@example.com"), sale(3, uid="7"))
    first = claim(outbox)
    waiting = rows(outbox)[1:]
    assert [row["blocked"] for row in waiting] == [1, 1]

    end(outbox, first, ENDS[how])
    kept = {row["id"]: row for row in rows(outbox)}
    assert [(kept[n]["due_at"], kept[n]["blocked"]) for n in (2, 3)] == [(START, 0)] * 2
    assert set(kept) == ({1, 2, 3} if how == "rejected" else {2, 3})
    if how == "rejected":
        assert (kept[1]["email_key"], kept[1]["uid_key"], kept[1]["due_at"]) == (None, None, None)
    assert ids(claim(outbox)) == [2, 3]


def test_an_event_that_expires_frees_the_next(outbox: Outbox) -> None:
    """As one that was rejected."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    (first,) = claim(outbox)
    outbox.settle(
        [Answer(claimed=first, outcome=DOWN, at=START, retry=None, own_failure=True, expired=True)]
    )
    assert ids(claim(outbox)) == [2]
    assert (rows(outbox)[0]["reason"], rows(outbox)[0]["uid_key"]) == ("expired", None)


def test_an_event_that_cannot_be_read_frees_the_next(outbox: Outbox) -> None:
    """Within the same claims, and it keeps no key either."""
    put(outbox, lead(uid="7"), sale(2, uid="7"), sale(3, uid="7"))
    change(outbox, 1, payload="{")
    assert ids(claim(outbox)) == [2]
    kept = rows(outbox)[0]
    assert (kept["reason"], kept["uid_key"], kept["due_at"]) == ("unreadable", None, None)


@pytest.mark.parametrize("claimed_before", [False, True])
def test_an_event_that_a_person_deletes_frees_the_next(
    outbox: Outbox, clock: Clock, claimed_before: bool
) -> None:
    """Pending, or under way."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    claimed = claim(outbox)
    if not claimed_before:
        outbox.settle((), unused=claimed)
    assert Inspection(outbox, ACCOUNT, clock).delete([1]) == 1
    assert ids(claim(outbox)) == [2]
    if claimed_before:
        end(outbox, claimed)
        assert [row["id"] for row in rows(outbox)] == [2]


def test_an_event_that_is_tried_again_frees_nothing(outbox: Outbox, clock: Clock) -> None:
    """The next one waits through every try, and goes with the end."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    for _ in range(8):
        found = claim(outbox)
        assert ids(found) in ([], [1])
        end(outbox, found, DOWN)
        clock.later(seconds=LONGEST_WAIT_SECONDS)
    (first,) = claim(outbox)
    end(outbox, [first])
    assert ids(claim(outbox)) == [2]


def test_a_claim_that_is_given_back_frees_nothing(outbox: Outbox) -> None:
    """It has not ended."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    outbox.settle((), unused=claim(outbox))
    assert ids(claim(outbox)) == [1]


def test_who_lost_the_lease_may_free_too_early_and_it_waits_again(
    outbox: Outbox, clock: Clock
) -> None:
    """A late rejection ends nothing: who has the lease by now goes on."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    (late,) = claim(outbox)
    clock.later(33)
    (again,) = claim(outbox)
    end(outbox, [late], ENDS["rejected"])
    assert claim(outbox) == []
    assert rows(outbox)[1]["blocked"] == 1
    end(outbox, [again])
    assert ids(claim(outbox)) == [2]


def test_a_drainer_that_dies_holds_up_its_customer_for_one_lease(
    outbox: Outbox, clock: Clock
) -> None:
    """Then its event is sent by another, and the next one after it."""
    put(outbox, lead(uid="7"), sale(2, uid="7"), sale(3, uid="8"))
    assert ids(claim(outbox)) == [1, 3]
    clock.later(31)
    assert claim(outbox) == []
    clock.later(1)
    again = claim(outbox)
    assert ids(again) == [1, 3]
    end(outbox, again)
    assert ids(claim(outbox)) == [2]


def test_a_rejected_event_that_is_tried_again_has_its_place(outbox: Outbox, clock: Clock) -> None:
    """A person's retry finds whom it is about: later events of the customer wait for it again."""
    put(outbox, lead("a@example.com", "7"))
    end(outbox, claim(outbox), ENDS["rejected"])
    put(outbox, sale(2, "A@example.com"), sale(3, uid="7"))
    inspection = Inspection(outbox, ACCOUNT, clock)
    before = rows(outbox)[0]
    assert (before["email_key"], before["uid_key"]) == (None, None)

    assert inspection.retry(None) == 1
    assert {key: rows(outbox)[0][key] for key in ("email_key", "uid_key")} == order_keys(
        ACCOUNT, {"email": "a@example.com", "uid": "7"}
    )
    first = claim(outbox)
    assert ids(first) == [1]
    end(outbox, first)
    assert ids(claim(outbox)) == [2, 3]


def test_a_retry_of_a_row_that_cannot_be_read_is_rejected_again(
    outbox: Outbox, clock: Clock
) -> None:
    """It names nobody, and holds nobody up; and many of them are retried page by page."""
    put(outbox, *(lead(uid=str(number)) for number in range(3)), sale(4, uid="0"))
    change(outbox, 1, payload="[]")
    claim(outbox)
    inspection = Inspection(outbox, ACCOUNT, clock)
    assert inspection.retry([1]) == 1
    assert rows(outbox)[0]["uid_key"] is None
    assert claim(outbox) == []
    assert rows(outbox)[0]["reason"] == "unreadable"


@pytest.mark.slow
def test_many_rejected_events_are_tried_again_page_by_page(outbox: Outbox, clock: Clock) -> None:
    """Each with its customer."""
    put(outbox, *(lead(uid=str(number)) for number in range(1003)))
    end(outbox, claim(outbox), ENDS["rejected"])
    assert {row["uid_key"] for row in rows(outbox)} == {None}

    assert Inspection(outbox, ACCOUNT, clock).retry(None) == 1003
    wanted = [order_keys(ACCOUNT, {"uid": str(number)})["uid_key"] for number in range(1003)]
    assert [row["uid_key"] for row in rows(outbox)] == wanted


# --- For how long -------------------------------------------------------------------------


def test_after_a_day_it_is_sent_whatever_becomes_of_the_earlier(
    any_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """And not before; looked at each hour, or less."""
    outbox = outbox_at(any_url)
    outbox.database.run(lambda _connection: None, patience=PATIENCE)
    put(outbox, lead(uid="7"))
    clock.later(1)
    put(outbox, sale(2, uid="7"))
    # So that the looks of each hour do not end with the day by chance.
    clock.later(1000)
    change(outbox, 1, due_at=clock.now + LONGEST_WAIT_SECONDS + 10)
    looked = 0
    while clock.now < START + LONGEST_TURN_SECONDS:
        assert 2 not in ids(claim(outbox))
        row = rows(outbox)[1]
        assert row["due_at"] <= min(clock.now + LONGEST_WAIT_SECONDS, START + 1 + DAY)
        change(outbox, 1, due_at=clock.now + LONGEST_WAIT_SECONDS + 10)
        clock.now = row["due_at"] - 0.5
        assert claim(outbox) == []
        clock.later(0.5)
        looked += 1
    assert 24 <= looked <= 27
    assert clock.now == START + 1 + LONGEST_TURN_SECONDS
    assert ids(claim(outbox)) == [2]
    assert rows(outbox)[1]["blocked"] == 0


def test_what_waited_behind_it_has_a_day_of_its_own(outbox: Outbox, clock: Clock) -> None:
    """Counted from when the outbox got it."""
    put(outbox, lead(uid="7"))
    clock.later(LONGEST_TURN_SECONDS - 10)
    put(outbox, sale(2, uid="7"))
    change(outbox, 1, due_at=clock.now + 3000)
    clock.later(20)
    assert claim(outbox) == []
    change(outbox, 1, due_at=clock.now - 1)
    assert ids(claim(outbox)) == [1]


@pytest.mark.parametrize("queued_at", [START + 10 * DAY, START - 10 * DAY])
def test_a_clock_that_was_wrong_when_it_was_written(
    outbox: Outbox, clock: Clock, queued_at: float
) -> None:
    """Far ahead, it waits for its turn in looks of an hour; long ago, it is sent at once."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    change(outbox, 2, queued_at=queued_at)
    first = claim(outbox)
    if queued_at < START:
        assert sorted(ids(first)) == [1, 2]
        return
    assert ids(first) == [1]
    assert rows(outbox)[1]["due_at"] == START + LONGEST_WAIT_SECONDS
    end(outbox, first)
    assert ids(claim(outbox)) == [2]


def test_a_clock_that_jumps_holds_nothing_up_for_ever(outbox: Outbox, clock: Clock) -> None:
    """Set back by ten days, what waits and what is under way is due within a lease or an hour."""
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    assert ids(claim(outbox)) == [1]
    clock.later(days=-10)
    again = claim(outbox)
    assert ids(again) == [1]
    end(outbox, again)
    assert ids(claim(outbox)) == [2]


def test_a_moment_that_is_damaged_waits_for_nothing(sqlite_url: str, outbox_at: MakeOutbox) -> None:
    """What SQLite holds may be a text: its row is rejected, and in nobody's way."""
    outbox = outbox_at(sqlite_url)
    put(outbox, lead(uid="7"), sale(2, uid="7"), sale(3, uid="7"))
    change(outbox, 2, queued_at=sa.text("'long ago'"))
    first = claim(outbox)
    assert ids(first) == [1]
    assert rows(outbox)[1]["reason"] == "unreadable"
    end(outbox, first)
    assert ids(claim(outbox)) == [3]


# --- Pace and pause -----------------------------------------------------------------------


def test_what_waits_uses_up_no_call(database_url: str, outbox_at: MakeOutbox) -> None:
    """Neither of the minute's calls, nor of a batch."""
    outbox = outbox_at(database_url, rate_limit=3)
    put(outbox, lead(uid="7"), *(sale(n, uid="7") for n in range(2, 30)), sale(30, uid="8"))
    put(outbox, sale(31, uid="9"))
    assert ids(claim(outbox)) == [1, 30, 31]
    assert outbox.next_call_at() > START


def test_a_probe_is_not_eaten_up_by_what_waits(
    database_url: str, outbox_at: MakeOutbox, clock: Clock
) -> None:
    """The calls that a pause lets through are for events that may be sent."""
    outbox = outbox_at(database_url)
    put(outbox, *(lead(uid=str(number)) for number in range(6)))
    end(outbox, claim(outbox), DOWN)
    assert outbox.paused()
    put(outbox, *(sale(10 + number, uid=str(number % 6)) for number in range(20)))
    clock.later(61)
    change_all_due(outbox, clock)

    batch = probe(outbox)
    assert batch.probe
    assert len(batch.claimed) == 3
    assert {item.id for item in batch.claimed} <= set(range(1, 7))
    outbox.settle(answers(batch.claimed, SENT, clock.now), probe=True)
    assert not outbox.paused()
    assert len(claim(outbox)) >= 3


def change_all_due(outbox: Outbox, clock: Clock) -> None:
    """Make everything due, as the worst of jitters may."""
    outbox.database.run(
        lambda connection: connection.execute(sa.update(leads).values(due_at=clock.now))
    )


def probe(outbox: Outbox) -> Batch:
    """Claim, passing over what only set rows aside."""
    while not (batch := outbox.claim(5)).claimed:
        assert batch.blocked
    return batch


# --- What a transaction sees --------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "level"),
    [
        ("postgresql_url", "read committed"),
        ("postgresql_url", "repeatable read"),
        ("postgresql_url", "serializable"),
        ("mariadb_url", "read committed"),
        ("mariadb_url", "repeatable read"),
    ],
)
def test_an_end_that_a_claim_has_waited_for_is_seen(
    server: str, level: str, request: pytest.FixtureRequest, outbox_at: MakeOutbox
) -> None:
    """Also where the server's own isolation would show what was there before the lock."""
    url = request.getfixturevalue(server)
    if server == "postgresql_url":
        level_option = level.replace(" ", r"\ ")
        url += "?options=" + quote(f"-c default_transaction_isolation={level_option}")
    outbox = outbox_at(url)
    if server == "mariadb_url":
        statement = f"SET SESSION TRANSACTION ISOLATION LEVEL {level}"
        sa.event.listen(
            outbox.database.engine, "connect", lambda raw, _: raw.cursor().execute(statement)
        )
    outbox.database.run(lambda _connection: None, patience=PATIENCE)
    put(outbox, lead(uid="7"), sale(2, uid="7"))
    (first,) = claim(outbox)
    change(outbox, 2, due_at=START, blocked=0)

    engine = sa.create_engine(outbox_url(request.getfixturevalue(server)))
    found: list[Claimed] = []
    with engine.connect() as settling:
        # As a settlement does that changes nothing of the account.
        settling.execute(sa.select(accounts).with_for_update()).all()
        thread = threading.Thread(target=lambda: found.extend(claim(outbox)))
        thread.start()
        assert eventually(lambda: waits_for_lock(settling, server))
        settling.execute(sa.delete(leads).where(leads.c.id == first.id))
        settling.commit()
        thread.join()
    engine.dispose()
    assert ids(found) == [2]


def waits_for_lock(connection: sa.Connection, server: str) -> bool:
    """Say whether another connection waits for a lock."""
    looks = {
        "postgresql_url": "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()",
        "mariadb_url": "SELECT count(*) FROM information_schema.processlist"
        " WHERE db = database() AND info LIKE '%FOR UPDATE' AND id <> connection_id()",
    }
    return bool(connection.scalar(sa.text(looks[server])))
