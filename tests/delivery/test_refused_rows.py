"""Rows that the database refuses: each waits by itself, costs little, and gates nothing."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import sqlalchemy as sa

from fprom_middleware import Fprom, Lead, Receipt
from fprom_middleware.database.schema import leads
from fprom_middleware.delivery.durable import REFUSED_AT_ONCE, OutboxDelivery
from fprom_middleware.delivery.waiting import WaitingQueue
from fprom_middleware.outbox.store import Outbox
from fprom_middleware.wsgi import FpromMiddleware
from tests.support.leads import VISITOR, make_lead, sign_up
from tests.support.waiting import becomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

REFUSALS = {
    "sqlite": [
        (
            "CREATE TRIGGER refuses BEFORE INSERT ON fprom_outbox WHEN NEW.payload LIKE '%bad-%' "
            "BEGIN SELECT RAISE(ABORT, 'canary'); END"
        )
    ],
    "postgresql": [
        "ALTER TABLE fprom_outbox ADD CONSTRAINT refuses CHECK (payload NOT LIKE '%bad-%')"
    ],
    "postgresql's trigger": [
        (
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN "
            "IF NEW.payload LIKE '%bad-%' THEN RAISE EXCEPTION 'canary'; END IF; "
            "RETURN NEW; END $$ LANGUAGE plpgsql"
        ),
        (
            "CREATE TRIGGER refuses BEFORE INSERT ON fprom_outbox FOR EACH ROW "
            "EXECUTE FUNCTION refuse()"
        ),
    ],
}
END = {
    "sqlite": "DROP TRIGGER refuses",
    "postgresql": "ALTER TABLE fprom_outbox DROP CONSTRAINT refuses",
    "postgresql's trigger": "DROP TRIGGER refuses ON fprom_outbox",
}


def delivery_of(fprom: Fprom) -> OutboxDelivery:
    """Return what works behind an account."""
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return delivery


def execute(fprom: Fprom, statements: list[str]) -> None:
    """Change the tables under the app."""

    def work(connection: sa.Connection) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))

    delivery_of(fprom).outbox.database.run(work)


def uids(fprom: Fprom) -> set[str]:
    """List whose leads are in the table and not delivered yet."""
    left = sa.select(leads.c.payload).where(leads.c.delivered_at.is_(None))
    payloads = delivery_of(fprom).outbox.database.read(
        lambda connection: connection.scalars(left).all()
    )
    return {payload.split('"uid": "')[1].split('"')[0] for payload in payloads}


@pytest.fixture(params=REFUSALS)
def picky(request: pytest.FixtureRequest, make: MakeFprom) -> Iterator[tuple[Fprom, str]]:
    """An account whose database refuses rows of which it says so, and how that ends."""
    url = request.getfixturevalue(f"{request.param.partition(chr(39))[0]}_url")
    fprom = make(url)
    sign_up(fprom)
    fprom.drain()
    execute(fprom, REFUSALS[request.param])
    yield fprom, END[request.param]
    # Before the tables go.
    fprom.close()


def test_a_row_that_is_refused_goes_to_memory_at_once_and_alone(
    picky: tuple[Fprom, str], api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no database that is busy: the view does not wait, and no other lead does."""
    fprom, end = picky
    taken, received = [], []
    for number in range(12):
        uid = f"bad-{number}" if number % 3 else f"good-{number}"
        began = time.monotonic()
        received.append((uid, fprom.track_signup(VISITOR, uid=uid).durable))
        taken.append(time.monotonic() - began)

    assert received == [(uid, uid.startswith("good")) for uid, _ in received]
    assert min(taken[1::3]) < 0.5
    assert fprom.stats().not_durable == 8
    assert fprom.drain()["sent"] == 4
    assert fprom.stats().not_durable == 8
    assert "canary" not in caplog.text

    execute(fprom, [end])
    assert fprom.drain()["sent"] == 8
    assert fprom.stats().not_durable == 0
    assert len(api.uids) == len(set(api.uids)) == 13


@pytest.mark.slow
def test_what_is_refused_again_steps_back(picky: tuple[Fprom, str], api: Api) -> None:
    """More of it than one turn tries: the good rows behind it are written all the same."""
    fprom, _ = picky
    waiting, outbox = delivery_of(fprom).waiting, delivery_of(fprom).outbox
    rows = [f"bad-{number}" for number in range(3 * REFUSED_AT_ONCE)]
    for uid in (*rows, "good-1", "good-2"):
        waiting.add(outbox.row(make_lead(uid)), OSError())
    turns = 0
    while "good-2" not in api.uids:
        turns += 1
        assert turns < 9
        fprom.drain()

    assert len(waiting) == len(rows)


def test_a_write_that_was_given_up_and_commits_late_is_no_second_row(
    database_url: str, make: MakeFprom
) -> None:
    """The row has its key before the first try."""
    fprom = make(database_url)
    outbox = delivery_of(fprom).outbox
    row = outbox.row(make_lead("once"))
    outbox.put(row)
    delivery_of(fprom).waiting.add(row, OSError())
    delivery_of(fprom).flush()

    assert fprom.stats().pending == 1
    assert fprom.stats().not_durable == 0


@pytest.mark.parametrize(
    "lead",
    [
        Lead(uid="1", tid=uuid.uuid4()),  # type: ignore[arg-type]
        Lead(email={"canary": 1}),  # type: ignore[arg-type]
        Lead(uid="1", skip_email_notification="canary"),  # type: ignore[arg-type]
        Lead(uid="1", created_at=12345),  # type: ignore[arg-type]
        Lead(email="canary" * 20_000),
    ],
    ids=range(5),
)
@pytest.mark.parametrize("session", [None, object()], ids=["alone", "in a transaction"])
@pytest.mark.parametrize("backend", ["", "asyncio", "trio"])
def test_a_lead_that_is_no_row_is_rejected_alone(
    *,
    sqlite_url: str,
    make: MakeFprom,
    caplog: pytest.LogCaptureFixture,
    lead: Lead,
    session: object,
    backend: str,
) -> None:
    """Before any database is asked; one line, without a value; the next lead is durable."""
    answers = iter([replace(lead, ref_id="anna")])
    fprom = make(sqlite_url, before_send=lambda checked: next(answers, checked))
    given: dict[str, Any] = {"uid": "1", "session": session}

    async def accept() -> Receipt:
        return await fprom.track_signup_async(VISITOR, **given)

    receipt = (
        anyio.run(accept, backend=backend) if backend else fprom.track_signup(VISITOR, **given)
    )

    assert (receipt.status, receipt.reason, receipt.durable) == ("rejected", "bad_request", False)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "canary" not in caplog.text
    assert len(delivery_of(fprom).waiting) == 0
    assert fprom.track_signup(VISITOR, uid="next").durable


def refuse(*_: object, **__: object) -> None:
    """Stand in for a database that is away."""
    raise OSError("canary")


def test_a_sign_up_costs_the_same_however_many_wait(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000 in memory, and the database away: one write is tried, and none of theirs."""
    fprom = make(sqlite_url)
    delivery = delivery_of(fprom)
    for number in range(5000):
        delivery.waiting.add({"row_key": str(number)}, OSError())
    tried: list[Mapping[str, Any]] = []

    def note(_: Outbox, row: Mapping[str, Any], **__: object) -> None:
        tried.append(row)
        refuse()

    monkeypatch.setattr(Outbox, "put", note)
    for number in range(20):
        assert not fprom.track_signup(VISITOR, uid=number).durable

    assert len(tried) == 20
    assert len(delivery.waiting) == 5020


class ViewEndsError(BaseException):
    """What a greenlet's time-out or a server's end raises in a view."""


def test_a_view_that_is_cut_short_keeps_its_lead(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visitor exists all the same; what cut it short goes on its way."""

    def cut(*_: object, **__: object) -> None:
        raise ViewEndsError

    fprom = make(sqlite_url)
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", cut)
        with pytest.raises(ViewEndsError):
            fprom.track_signup(VISITOR, uid=1)

    assert fprom.drain()["sent"] == 1


def test_a_machine_without_threads_fails_no_sign_up(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits goes on waiting; the new lead is durable."""
    fprom = make(sqlite_url)
    delivery_of(fprom).waiting.add(delivery_of(fprom).outbox.row(make_lead("waits")), OSError())

    def no_thread(_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("threading.Thread.start", no_thread)
        assert fprom.track_signup(VISITOR, uid="new").durable
    assert fprom.drain()["sent"] == 2


# Who writes what waits


def request(fprom: Fprom) -> object:
    """Send one request through the middleware."""

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_ADDR": "203.0.113.9"}
    return FpromMiddleware(app, fprom)(environ, lambda *_: lambda _: None)


def close(fprom: Fprom) -> None:
    """End the process."""
    fprom.close()


@pytest.mark.parametrize(
    "after",
    [request, close, lambda fprom: fprom.drain(), sign_up],
    ids=["request", "close", "drain", "sign-up"],
)
def test_without_a_thread_whatever_comes_next_writes_what_waits(
    *,
    database_url: str,
    make: MakeFprom,
    api: Api,
    monkeypatch: pytest.MonkeyPatch,
    after: Callable[[Fprom], object],
) -> None:
    """FPROM_WORKER=none: the database was away for one sign-up."""
    fprom = make(database_url)
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", refuse)
        assert not fprom.track_signup(VISITOR, uid="waited").durable
    delivery = delivery_of(fprom)
    after(fprom)

    assert becomes(lambda: len(delivery.waiting), 0)
    assert fprom.stats().pending + len(api.seen) == 1 + (after is sign_up)


def test_requests_do_not_try_all_the_time(sqlite_url: str, make: MakeFprom) -> None:
    """While the database stays away, one a second."""
    fprom = make(sqlite_url)
    asked = [fprom.needs_start]
    delivery_of(fprom).waiting.add({"row_key": "1"}, OSError())
    asked.append(fprom.needs_start)
    fprom.start_worker()
    asked.append(fprom.needs_start)

    assert asked == [False, True, False]


def test_the_end_says_how_many_it_leaves(
    sqlite_url: str,
    make: MakeFprom,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tried once more, and said as loudly as can be."""
    fprom = make(sqlite_url)
    monkeypatch.setattr(Outbox, "put", refuse)
    for uid in range(3):
        fprom.track_signup(VISITOR, uid=uid)
    caplog.clear()
    fprom.close()

    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.CRITICAL, "3 events that waited in memory are lost: the process ends.")
    ]


def test_a_turn_ends_in_time(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow the database is, and however many wait."""
    delivery = delivery_of(make(sqlite_url))
    delivery.waiting = WaitingQueue()
    for number in range(50):
        delivery.waiting.add({"row_key": str(number)}, OSError())
    monkeypatch.setattr(Outbox, "put", lambda *_, **__: time.sleep(0.03))
    delivery.flush(seconds=0.1)

    assert 40 <= len(delivery.waiting) < 50
