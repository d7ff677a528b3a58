"""Rows and columns that are damaged: each is read by itself, and the rest goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from fprom_middleware import Fprom, Reason, Status
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.schema import accounts, leads
from fprom_middleware.outbox.admin import inspect_outbox
from tests.support.leads import answers, make_lead, put_leads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware.outbox.admin import Inspection
    from fprom_middleware.outbox.store import Outbox
    from tests.support.api import Api
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

OUTCOMES = {
    "UPDATE": Outcome(Status.REJECTED, Reason.BAD_REQUEST, code=400),
    "DELETE": Outcome(Status.SENT, code=200),
}
DAMAGED = ["no JSON", "", "[]", "null", "7", '{"created_at": 12345}', '{"email": {"a": 1}}']


def outbox_of(fprom: Fprom) -> Outbox:
    """Return an account's outbox."""
    outbox: Outbox = fprom.delivery.outbox  # type: ignore[attr-defined]  # of an outbox delivery
    return outbox


def damage(outbox: Outbox, **values: Any) -> int:
    """Spoil the second row, past what its columns' types would say; return its id."""
    number: int = outbox.database.read(
        lambda connection: connection.scalars(sa.select(leads.c.id).order_by("id")).all()[1]
    )
    spoiled = ", ".join(f"{name} = :{name}" for name in values)
    statement = sa.text(f"UPDATE fprom_outbox SET {spoiled} WHERE id = {number}")  # noqa: S608 - made here
    outbox.database.run(lambda connection: connection.execute(statement, values))
    return number


def test_a_text_that_is_not_utf_8_is_rejected_alone(
    sqlite_url: str, make: MakeFprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """Reading it fails for no other row."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(uid) for uid in range(4)))
    number = damage(outbox_of(fprom), payload="")
    broken = sa.text(
        "UPDATE fprom_outbox SET payload = CAST(X'7B22756964223A2022FF227D' AS TEXT) "
        "WHERE id = :number"
    )
    outbox_of(fprom).database.run(lambda connection: connection.execute(broken, {"number": number}))

    is_kept_and_the_rest_is_sent(fprom, api, number, caplog)


def is_kept_and_the_rest_is_sent(
    fprom: Fprom, api: Api, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    """See that one row is rejected, and said by its id, and three are sent."""
    assert fprom.drain() == {"sent": 3, "duplicate": 0, "skipped": 0, "rejected": 1, "failed": 0}
    assert api.uids == ["0", "2", "3"]
    assert fprom.stats().rejected == 1
    assert fprom.stats().pending == 0
    assert f"Row {number} of the outbox cannot be read: it is kept as rejected." in caplog.messages
    assert "canary" not in caplog.text


@pytest.mark.parametrize("payload", DAMAGED)
def test_a_payload_that_is_no_event_is_rejected_alone(
    *,
    database_url: str,
    make: MakeFprom,
    api: Api,
    caplog: pytest.LogCaptureFixture,
    payload: str,
) -> None:
    """Its id is logged, nothing of it; the others are sent, each once."""
    fprom = make(database_url)
    put_leads(outbox_of(fprom), *(make_lead(uid) for uid in range(4)))
    number = damage(outbox_of(fprom), payload=payload)

    is_kept_and_the_rest_is_sent(fprom, api, number, caplog)


@pytest.mark.parametrize(
    "values",
    [
        {"payload": b"\xff\xfe canary"},
        {"attempts": "canary"},
        {"reason": b"\xff canary", "payload": b"\xff canary"},
        {"failed_count": b"canary"},
        {"not_found_count": "canary"},
        {"own_failures": "canary"},
        {"queued_at": "canary"},
        {"due_at": "canary", "payload": "canary"},
        {"due_at": 1e300, "payload": "canary"},
        {"kind": "canary"},
        {"kind": 5},
        {"kind": b"\xff canary"},
        {"kind": "sale"},
    ],
    ids=range(13),
)
def test_a_column_that_holds_what_it_should_not_rejects_its_row_alone(
    *,
    sqlite_url: str,
    make: MakeFprom,
    api: Api,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, Any],
) -> None:
    """SQLite lets anything stand in any column."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(uid) for uid in range(4)))
    number = damage(outbox_of(fprom), **values)

    is_kept_and_the_rest_is_sent(fprom, api, number, caplog)


@pytest.mark.parametrize("damage_of", ["canary", b"\xff canary", 1.5, 1e300], ids=str)
@pytest.mark.parametrize("column", ["email_key", "uid_key", "blocked"])
def test_what_only_orders_a_row_rejects_none(
    column: str, damage_of: object, sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """The event itself is whole: it is sent, and the rest with it."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(uid) for uid in (0, 1, 1, 2)))
    damage(outbox_of(fprom), **{column: damage_of})
    for _ in range(3):
        fprom.drain()
    assert sorted(api.uids) == ["0", "1", "1", "2"]
    assert fprom.stats().rejected == 0


def test_many_damaged_rows_hide_no_other(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """More of them than a batch takes, and all of them before the good one."""
    fprom = make(sqlite_url)
    outbox = outbox_of(fprom)
    put_leads(outbox, *(make_lead(uid) for uid in range(30)))
    outbox.database.run(lambda connection: connection.execute(sa.update(leads).values(payload="x")))
    put_leads(outbox, make_lead("good"))

    assert fprom.drain() == {"sent": 1, "duplicate": 0, "skipped": 0, "rejected": 30, "failed": 0}
    assert api.uids == ["good"]


def test_damaged_rows_use_up_neither_pace_nor_probe(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """No call is made for them."""
    fprom = make(sqlite_url, rate_limit=2)
    outbox = outbox_of(fprom)
    put_leads(outbox, make_lead("first"))
    api.says = 429
    fprom.drain()
    put_leads(outbox, *(make_lead(uid) for uid in range(3)))
    damaged = sa.update(leads).where(leads.c.attempts == 0).values(payload="x")
    outbox.database.run(lambda connection: connection.execute(damaged))
    clock.later(100)
    api.says = 200

    assert fprom.drain() == {"sent": 1, "duplicate": 0, "skipped": 0, "rejected": 3, "failed": 0}


@pytest.mark.parametrize(
    "values",
    [
        {"calls": "nonsense"},
        {"calls": "1:x 2:3"},
        {"failed_events": "a b"},
        {"refused": "::: x:y"},
        {"refused": "key:nan:inf"},
        {"failures": "canary"},
        {"paused_until": "canary", "paused_since": "canary"},
        {"paused_until": 1e300, "pause_reason": "canary"},
        {"got_through_at": "canary"},
    ],
    ids=range(9),
)
def test_a_damaged_row_of_the_account_counts_as_empty(
    sqlite_url: str, make: MakeFprom, values: dict[str, Any]
) -> None:
    """Pace and pauses begin anew; nothing that stands there stops the drain."""
    fprom = make(sqlite_url)
    outbox = outbox_of(fprom)
    put_leads(outbox, make_lead())
    spoiled = ", ".join(f"{name} = :{name}" for name in values)
    statement = sa.text(f"UPDATE fprom_outbox_account SET {spoiled}")  # noqa: S608 - made here
    outbox.database.run(lambda connection: connection.execute(statement, values))

    assert fprom.stats().pending == 1
    assert fprom.drain()["sent"] == 1


def test_the_calls_of_a_server_are_as_robust(
    postgresql_url: str, make: MakeFprom, api: Api
) -> None:
    """Where the columns' types hold, only texts can be damaged."""
    fprom = make(postgresql_url)
    outbox = outbox_of(fprom)
    put_leads(outbox, make_lead())
    spoil = sa.update(accounts).values(calls="x", refused="x", failed_events="x")
    outbox.database.run(lambda connection: connection.execute(spoil))

    assert fprom.drain()["sent"] == 1


# A person looks


@pytest.fixture
def inspection(sqlite_url: str, make: MakeFprom) -> Iterator[Inspection]:
    """An outbox with a damaged row among four."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(uid) for uid in range(4)))
    damage(outbox_of(fprom), payload=b"\xff no text", attempts="canary", queued_at="canary")
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        yield inspection


def test_a_person_can_look_at_any_row_and_change_it(inspection: Inspection) -> None:
    """What cannot be read is shown as such, and can be retried and deleted."""
    rows = list(inspection.everything())
    assert [row.event is None for row in rows] == [False, True, False, False]
    assert inspection.find(rows[1].id) == rows[1]
    assert sum(inspection.ages().values()) == 4
    assert inspection.stats().pending == 4
    assert inspection.retry([rows[1].id]) == 0
    assert inspection.delete([rows[1].id]) == 1
    assert [row.event and row.event.uid for row in inspection.everything()] == ["0", "2", "3"]


# A batch is settled whatever happens


@pytest.mark.parametrize("fate", ["UPDATE", "DELETE"])
def test_a_row_that_cannot_be_settled_keeps_no_other_from_being_so(
    *, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, caplog: Any, fate: str
) -> None:
    """A trigger of the database refuses to change it: it is said, and its lease frees it."""
    fprom = make(sqlite_url, history_days=0)
    outbox = outbox_of(fprom)
    put_leads(outbox, *(make_lead(uid) for uid in range(4)))
    (second,) = outbox.claim(2).claimed[1:]
    clock.later(100)
    batch = outbox.claim(9)
    outbox.database.run(
        lambda connection: connection.execute(
            sa.text(
                f"CREATE TRIGGER refuses BEFORE {fate} ON fprom_outbox "
                f"WHEN OLD.id = {second.id} BEGIN SELECT RAISE(ABORT, 'canary'); END"
            )
        )
    )
    api.says = 200
    outcome = OUTCOMES[fate]
    outbox.settle(answers(batch.claimed, outcome, clock.now), unused=[])

    assert f"Row {second.id} of the outbox cannot be settled (IntegrityError)." in caplog.messages
    assert "canary" not in caplog.text
    left = outbox.claim(9)
    assert not left.claimed
    assert fprom.stats().pending == {"UPDATE": 1, "DELETE": 1}[fate]
