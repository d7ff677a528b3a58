"""A sign-up over the outbox: durable, or said to be not; on time; and discreet."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import statistics
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import sqlalchemy as sa
import trio

from fprom_middleware import Fprom, FpromConfigError, Receipt, TrackingContext
from fprom_middleware.database.schema import SCHEMA_ROW, accounts, leads
from fprom_middleware.delivery import registry
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.delivery.waiting import WaitingQueue
from fprom_middleware.errors import FpromOutboxError
from fprom_middleware.outbox.store import Outbox
from tests.support.accounts import KEY, make_settings
from tests.support.leads import VISITOR, make_lead, sign_up
from tests.support.programs import run_program, start_program
from tests.support.waiting import becomes, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.api import Api
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

HOLD_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
input()
"""
LONGEST = 1.2


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    """Hold SQLite's write lock from outside until the block ends."""
    with start_program(HOLD_LOCK, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            process.communicate("\n", timeout=30)


def refuse(*_: object, **__: object) -> None:
    """Stand in for a database that is away."""
    raise OSError("canary")


def timed(fprom: Fprom, uid: int | str) -> tuple[Receipt, float]:
    """Hand in a sign-up and measure."""
    began = time.monotonic()
    receipt = fprom.track_signup(VISITOR, uid=uid)
    return receipt, time.monotonic() - began


def delivery_of(fprom: Fprom) -> OutboxDelivery:
    """Return what works behind an account."""
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return delivery


def uids(fprom: Fprom) -> list[str]:
    """List whose leads are in the table and not delivered yet, in order."""
    left = sa.select(leads.c.payload).where(leads.c.delivered_at.is_(None))
    found = delivery_of(fprom).outbox.database.read(
        lambda connection: connection.scalars(left.order_by(leads.c.id)).all()
    )
    return [httpx.Response(200, text=payload).json()["uid"] for payload in found]


# The receipt


def test_a_sign_up_is_one_durable_row(database_url: str, make: MakeFprom) -> None:
    """And the receipt says so."""
    fprom = make(database_url)
    receipt = fprom.track_signup(VISITOR, "a@example.com", uid=7)

    assert (receipt.status, receipt.reason, receipt.durable) == ("queued", None, True)
    assert receipt.lead is not None
    assert receipt.lead.uid == "7"
    assert uids(fprom) == ["7"]


def test_an_async_sign_up_is_one_durable_row(database_url: str, make: MakeFprom) -> None:
    """On asyncio and on trio."""
    fprom = make(database_url)

    async def hand_in() -> Receipt:
        return await fprom.track_signup_async(VISITOR, uid=7)

    for backend in ("asyncio", "trio"):
        receipt = anyio.run(hand_in, backend=backend)
        assert (receipt.status, receipt.reason, receipt.durable) == ("queued", None, True)
    assert uids(fprom) == ["7", "7"]


def test_an_organic_visitor_makes_no_row_and_no_file(tmp_path: Path, make: MakeFprom) -> None:
    """Nothing is opened before the first lead."""
    fprom = make(f"sqlite:///{tmp_path / 'none' / 'outbox.db'}")

    assert fprom.track_signup(TrackingContext(), uid=1).reason == "organic"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "url", ["nonsense://host/db", "sqlite://", "postgresql+asyncpg://me:canary@host/db"]
)
def test_a_wrong_outbox_url_fails_at_start(url: str) -> None:
    """Not at the first sign-up, and without the password."""
    with pytest.raises(FpromConfigError, match="FPROM_OUTBOX_URL") as refused:
        Fprom(make_settings(url))
    assert "canary" not in str(refused.value)


# A database that refuses


@pytest.mark.slow
def test_a_locked_database_holds_up_no_view_for_long(
    sqlite_url: str, make: MakeFprom, api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Eight views at once and two after them: about a second each, and no lead is lost."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    results: list[tuple[Receipt, float]] = []
    with locked_by_another_process(tmp_path / "outbox.db"):
        views = [
            threading.Thread(target=lambda name=name: results.append(timed(fprom, name)))
            for name in range(8)
        ]
        for view in views:
            view.start()
        for view in views:
            view.join()
        results += [timed(fprom, name) for name in (8, 9)]
        stats = fprom.stats()
        with pytest.raises(FpromOutboxError, match="OperationalError"):
            fprom.drain()

    assert {(receipt.status, receipt.reason, receipt.durable) for receipt, _ in results} == {
        ("queued", "database", False)
    }
    # Generous beyond the promise: eight threads share what the test machine has to give.
    assert statistics.median(seconds for _, seconds in results) < LONGEST
    assert max(seconds for _, seconds in results) < 2 * LONGEST
    assert (stats.not_durable, stats.pending) == (10, 11)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 10
    assert "wait in this process's memory" in caplog.text

    assert fprom.drain()["sent"] == 11
    assert fprom.stats().not_durable == 0
    assert sorted(api.uids) == sorted(["0", *map(str, range(10))])


def test_the_next_sign_up_writes_what_waits(
    database_url: str,
    make: MakeFprom,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Itself first; then one by one, in the order in which they came."""
    fprom = make(database_url)
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", refuse)
        for uid in range(3):
            assert not fprom.track_signup(VISITOR, uid=uid).durable
    assert fprom.track_signup(VISITOR, uid=3).durable

    assert becomes(lambda: uids(fprom), ["3", "0", "1", "2"])
    assert fprom.stats().not_durable == 0
    assert "3 events that waited in memory are durable now." in caplog.messages
    assert "canary" not in caplog.text


def test_a_drain_writes_what_waits(
    database_url: str, make: MakeFprom, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where that fails once more, it waits on."""
    fprom = make(database_url)
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", refuse)
        fprom.track_signup(VISITOR, uid=1)
        assert fprom.drain()["sent"] == 0
        assert fprom.stats().not_durable == 1
    assert fprom.drain()["sent"] == 1
    assert api.uids == ["1"]


def test_a_writer_that_was_slower_finds_nothing_left(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads flush at the same time."""
    delivery = delivery_of(make(sqlite_url))
    monkeypatch.setattr(WaitingQueue, "__len__", lambda _: 1)
    delivery.flush()

    assert delivery.outbox.stats().pending == 0


def test_async_sign_ups_wait_in_memory_too(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same receipt."""
    fprom = make(sqlite_url)
    monkeypatch.setattr(Outbox, "put", refuse)
    receipt = asyncio.run(fprom.track_signup_async(VISITOR, uid=1))

    assert (receipt.status, receipt.reason, receipt.durable) == ("queued", "database", False)


def test_where_memory_is_full_the_receipt_says_that_nothing_is_kept(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bounded: a database that is away for weeks must not fill the machine."""
    fprom = make(sqlite_url)
    monkeypatch.setattr(delivery_of(fprom), "waiting", WaitingQueue(capacity=2))
    monkeypatch.setattr(Outbox, "put", refuse)
    receipts = [fprom.track_signup(VISITOR, uid=uid) for uid in range(3)]

    assert [(receipt.status, receipt.reason) for receipt in receipts] == [
        ("queued", "database"),
        ("queued", "database"),
        ("failed", "database"),
    ]
    assert not receipts[2].durable
    assert fprom.stats().not_durable == 2


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["query_only = 1", "max_page_count = 1"])
def test_a_file_that_is_read_only_or_a_disk_that_is_full(
    sqlite_url: str, make: MakeFprom, setting: str
) -> None:
    """No view fails or waits; once there is room again all is written."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    engine = delivery_of(fprom).outbox.database.engine
    spoil = [setting]

    @sa.event.listens_for(engine, "checkout")
    def _spoil(connection: sqlite3.Connection, _record: object, _proxy: object) -> None:
        for pragma in spoil:
            connection.execute(f"PRAGMA {pragma}")

    receipts, spent = [], []
    for number in range(300):
        receipt, seconds = timed(fprom, f"{number}-{'x' * 240}")
        receipts.append(receipt)
        spent.append(seconds)
    # A busy machine stops one or the other for longer, whatever it does.
    assert sorted(spent)[-30] < LONGEST
    refused = [receipt for receipt in receipts if not receipt.durable]
    assert {receipt.status for receipt in receipts} == {"queued"}
    assert len(refused) > 200
    assert fprom.stats().not_durable == len(refused)

    spoil[:] = ["query_only = 0", "max_page_count = 1000000"]
    assert fprom.track_signup(VISITOR, uid="last").durable
    while fprom.stats().not_durable:
        delivery_of(fprom).flush()
    assert fprom.stats().pending == 302


FULL_DISK = """
import json, resource, signal, sys
from fprom_middleware import Fprom
from tests.support.accounts import make_settings
from tests.support.leads import VISITOR
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
fprom = Fprom(make_settings(sys.argv[1]))
assert fprom.track_signup(VISITOR, uid="before").durable
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
def sign_up(n):
    return fprom.track_signup(VISITOR, "x" * 320, uid=f"{n}-{'x' * 240}", ref_id="x" * 512)
durable = [sign_up(n).durable for n in range(400)]
lost = fprom.stats().not_durable
assert lost == durable.count(False) > 0, lost
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert fprom.track_signup(VISITOR, uid="after").durable
while fprom.stats().not_durable:
    fprom.delivery.flush()
print(fprom.stats().pending, fprom.stats().not_durable)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="limits of a process are Unix's")
def test_a_disk_that_fills_up_under_a_running_app(sqlite_url: str) -> None:
    """The file may grow no further: no sign-up fails, the count is exact, nothing is lost."""
    assert run_program(FULL_DISK, sqlite_url) == "402 0\n"


def test_a_file_that_is_deleted_under_a_running_app(
    sqlite_url: str, make: MakeFprom, tmp_path: Path
) -> None:
    """Sign-ups go on in a new one, durable from the first."""
    fprom = make(sqlite_url)
    sign_up(fprom, 3)
    for path in tmp_path.iterdir():
        path.unlink()
    sign_up(fprom, 2)

    assert uids(fprom) == ["0", "1"]


def test_a_corrupt_file_under_a_running_app(
    sqlite_url: str, make: MakeFprom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once, left as it is; events wait in memory until another file is there."""
    fprom = make(sqlite_url)
    sign_up(fprom, 3)
    fprom.close()
    garbage = os.urandom(20_000)
    (tmp_path / "outbox.db").write_bytes(garbage)
    receipts = [fprom.track_signup(VISITOR, uid=uid) for uid in ("a", "b")]

    assert [(receipt.status, receipt.durable) for receipt in receipts] == [("queued", False)] * 2
    assert (tmp_path / "outbox.db").read_bytes() == garbage
    assert [record.levelno for record in caplog.records].count(logging.CRITICAL) == 1
    (tmp_path / "outbox.db").rename(tmp_path / "bad.db")
    fprom.drain()
    assert uids(fprom) == []
    assert fprom.stats().not_durable == 0


def test_what_nobody_thought_of_fails_no_view(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Neither here nor there: the receipt and the log say it, without the text."""
    fprom = make(sqlite_url)
    monkeypatch.setattr(OutboxDelivery, "_queued", refuse)
    receipts = [
        fprom.track_signup(VISITOR, uid=1),
        asyncio.run(fprom.track_signup_async(VISITOR, uid=1)),
    ]

    assert {(receipt.status, receipt.reason) for receipt in receipts} == {("failed", "unexpected")}
    assert "A sign-up could not be handed in: OSError." in caplog.messages
    assert "canary" not in caplog.text


@pytest.mark.slow
def test_postgresql_that_is_away_holds_up_no_view_for_long(make: MakeFprom) -> None:
    """Nobody listens there: a second, then memory."""
    fprom = make("postgresql://postgres@127.0.0.1:9/nowhere")
    receipt, seconds = timed(fprom, 1)

    assert (receipt.status, receipt.reason, receipt.durable) == ("queued", "database", False)
    assert seconds < 2 * LONGEST


# Async


def test_the_event_loop_goes_on_while_the_database_is_locked(
    sqlite_url: str, make: MakeFprom, tmp_path: Path
) -> None:
    """The sign-up waits for a lock that only the loop can let go."""
    fprom = make(sqlite_url)
    sign_up(fprom)

    async def watch() -> tuple[int, Receipt]:
        ticks = 0
        holder = sqlite3.connect(
            tmp_path / "outbox.db", isolation_level=None, check_same_thread=False
        )
        holder.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(fprom.track_signup_async(VISITOR, uid="async"))
        while not task.done():
            await asyncio.sleep(0.005)
            ticks += 1
            if ticks == 3:
                holder.rollback()
        holder.close()
        return ticks, await task

    ticks, receipt = asyncio.run(watch())
    # A loop that stood still could not have let go of the lock.
    assert receipt.durable
    assert ticks >= 3


def cancelled_on_asyncio(fprom: Fprom, count: int) -> set[str]:
    """Cancel sign-ups at all possible moments; return those that had begun."""
    begun = set[str]()

    async def one(uid: str) -> None:
        begun.add(uid)
        assert (await fprom.track_signup_async(VISITOR, uid=uid)).durable

    async def main() -> None:
        for number in range(count):
            task = asyncio.create_task(one(str(number)))
            for _ in range(number % 8):
                await asyncio.sleep(0)
            await asyncio.sleep(number % 5 / 1000)
            task.cancel()
            await asyncio.wait([task])

    asyncio.run(main())
    return begun


def cancelled_on_trio(fprom: Fprom, count: int) -> set[str]:
    """As above."""
    begun = set[str]()

    async def one(uid: str) -> None:
        begun.add(uid)
        assert (await fprom.track_signup_async(VISITOR, uid=uid)).durable

    async def main() -> None:
        for number in range(count):
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(one, str(number))
                    for _ in range(number % 5):
                        await trio.lowlevel.checkpoint()
                    await trio.sleep(number % 4 / 1000)
                    scope.cancel()

    trio.run(main)
    return begun


@pytest.mark.parametrize("cancelled", [cancelled_on_asyncio, cancelled_on_trio])
def test_a_view_that_is_cancelled_leaves_exactly_one_row(
    database_url: str, make: MakeFprom, cancelled: Callable[[Fprom, int], set[str]]
) -> None:
    """The visitor closed the page after the account was created: the lead is kept, once."""
    fprom = make(database_url)
    sign_up(fprom)
    begun = cancelled(fprom, 100)

    def are_written() -> bool:
        # On a busy machine some may wait in memory for a moment.
        delivery_of(fprom).flush()
        return len(uids(fprom)) > len(begun)

    assert len(begun) > 80
    assert eventually(are_written)
    assert sorted(uids(fprom)[1:]) == sorted(begun)
    assert fprom.stats().not_durable == 0


def test_a_loop_that_ends_at_once_loses_nothing_that_was_accepted(
    sqlite_url: str, make: MakeFprom
) -> None:
    """A thousand tasks at once on one loop, then the loop is gone."""
    fprom = make(sqlite_url)

    async def main() -> list[Receipt]:
        return await asyncio.gather(
            *(fprom.track_signup_async(VISITOR, uid=number) for number in range(300))
        )

    receipts = asyncio.run(main())
    assert all(receipt.status == "queued" for receipt in receipts)
    waiting = sum(not receipt.durable for receipt in receipts)
    assert fprom.stats().not_durable <= waiting
    delivery_of(fprom).flush()
    assert sorted(uids(fprom), key=int) == [str(number) for number in range(300)]


def test_aclose_closes_without_blocking(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """And the account can be used again, on another loop too."""
    fprom = make(sqlite_url)

    async def use() -> None:
        assert (await fprom.track_signup_async(VISITOR, uid=1)).durable
        await fprom.aclose()
        await fprom.aclose()

    anyio.run(use, backend="asyncio")
    anyio.run(use, backend="trio")
    assert fprom.drain()["sent"] == 2


# At the end of the process


def test_at_exit_every_running_account_is_closed(sqlite_url: str, api: Api) -> None:
    """What is registered with atexit."""
    fprom = Fprom(make_settings(sqlite_url, worker="thread"), client=api.client)
    sign_up(fprom)
    delivery = delivery_of(fprom)
    assert delivery in registry._open
    registry.close_open()
    registry.close_open()

    assert delivery.stopping.is_set()
    fprom.close()


def test_an_account_that_never_opened_anything_closes(sqlite_url: str, make: MakeFprom) -> None:
    """A process that had no sign-up."""
    fprom = make(sqlite_url)
    fprom.close()
    fprom.close()


# Discretion

CANARIES = ("canary-name", "canary-tid-0123456789", "203.0.113.77", "canary-uid-0123456789")
SECRETS = (KEY, "canary-password")


class Everything(logging.Handler):
    """Keeps every record as any formatter would show it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.lines.append(self.format(record) + repr(record.args))


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Log all that any library says, at DEBUG."""
    handler, names = Everything(), ("", "fprom_middleware", "sqlalchemy", "httpx", "httpcore")
    before = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(handler)
    for name in (*names, "sqlalchemy.engine", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        logging.getLogger().removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
        for name in ("sqlalchemy.engine", "sqlalchemy.pool"):
            logging.getLogger(name).setLevel(logging.NOTSET)


def test_no_log_line_and_no_error_names_anybody(
    database_url: str, make: MakeFprom, api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every outcome, every refusal, every logger at DEBUG: no e-mail, tid, uid, IP or key."""
    errors: list[str] = []
    name, tid, ip, uid = CANARIES
    visitor = TrackingContext(tid=tid, ip=ip)

    def hook(_lead: object, receipt: Receipt) -> None:
        raise RuntimeError(repr(receipt))

    def work(fprom: Fprom) -> None:
        script: list[Any] = [400, 404, 401, 429, 500, 302, httpx.ReadError(tid), 422, 200]
        for says in script:
            fprom.track_signup(visitor, f"{name}@example.com", uid=uid)
            api.says = says
            fprom.drain()
            clock.later(7200)
        with monkeypatch.context() as broken:
            broken.setattr(
                Outbox,
                "put",
                lambda self, *_: self.database.run(lambda c: mistake(c, tid), patience=0),
            )
            fprom.track_signup(visitor, f"{name}@example.com", uid=uid)
            asyncio.run(fprom.track_signup_async(visitor, f"{name}@example.com", uid=uid))
            try:
                fprom.drain()
            except Exception as error:  # noqa: BLE001 - whatever it is, its text counts
                errors.append(f"{error} {error!r}")
        fprom.drain()
        errors.append(repr(fprom.stats()) + repr(fprom.settings))

    def mistake(connection: sa.Connection, value: str) -> None:
        connection.execute(sa.text("SELECT :value FROM nowhere"), {"value": value})

    with everything_logged() as lines:
        work(make(database_url, on_outcome=hook))
    said = "\n".join(lines + errors)

    assert "INSERT INTO fprom_outbox" in said
    assert "SELECT fprom_outbox" in said
    assert "nowhere" in said
    for canary in (*CANARIES, *SECRETS):
        assert canary not in said, canary


@pytest.mark.slow
def test_a_database_that_is_away_names_nobody_and_no_password(make: MakeFprom) -> None:
    """Neither the driver's error nor what is logged about it."""
    name, tid, ip, uid = CANARIES
    with everything_logged() as lines:
        away = make("postgresql://me:canary-password@127.0.0.1:9/nowhere")
        away.track_signup(TrackingContext(tid=tid, ip=ip), f"{name}@example.com", uid=uid)
        with pytest.raises(FpromOutboxError) as refused:
            away.drain()
    said = "\n".join([*lines, f"{refused.value} {refused.value!r} {away.settings!r}"])

    assert "the outbox's database refused (OperationalError)" in said
    for canary in (*CANARIES, *SECRETS):
        assert canary not in said, canary


def test_whoever_drains_sees_to_the_thirty_days(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Rejected leads go, at most one look an hour; where no thread runs, too."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = 400
    fprom.drain()
    clock.later(31 * 86400 - 1800)
    fprom.drain()
    assert fprom.stats().rejected == 0


# Settings of the account in the outbox


def test_the_settings_reach_the_outbox(sqlite_url: str, make: MakeFprom) -> None:
    """Rate limit, time-out and account."""
    fprom = make(sqlite_url, rate_limit=1, timeout=4, account_id="another")
    sign_up(fprom, 2)
    (item,) = delivery_of(fprom).outbox.claim(9).claimed

    assert item.lease - item.permit_at == 14.0
    names = delivery_of(fprom).outbox.database.read(
        lambda connection: set(connection.scalars(sa.select(accounts.c.account)).all())
    )
    assert names == {SCHEMA_ROW, "another"}


def test_leads_of_another_version_of_the_package_can_be_read(
    sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """A field that this version does not know is passed over."""
    fprom = make(sqlite_url)
    outbox = delivery_of(fprom).outbox
    row = outbox.row(make_lead(5))
    row["payload"] = row["payload"].replace("{", '{"of_tomorrow": 1, ', 1)
    outbox.database.run(lambda connection: connection.execute(sa.insert(leads).values(row)))

    assert fprom.drain()["sent"] == 1
    assert api.uids == ["5"]


@pytest.mark.slow
def test_the_worker_flushes_what_waits(
    sqlite_url: str, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any other sign-up, as soon as the database takes it again."""
    fprom = Fprom(make_settings(sqlite_url, worker="thread"), client=api.client)
    with monkeypatch.context() as broken:
        broken.setattr(Outbox, "put", refuse)
        asyncio.run(fprom.track_signup_async(VISITOR, uid="waits"))
        assert fprom.stats().not_durable == 1
    assert eventually(lambda: api.uids == ["waits"])
    fprom.close()
