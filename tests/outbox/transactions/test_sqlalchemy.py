"""A lead in the caller's own transaction: it exists exactly when the user does."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import flask
import pytest
import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import (
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, registry, scoped_session, sessionmaker

from fprom_middleware import Fprom, FpromConfigError, Receipt
from fprom_middleware.database.database import Database
from fprom_middleware.database.schema import accounts, leads
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.outbox.transactions.writer import TransactionWriter
from fprom_middleware.outbox.urls import outbox_url
from tests.support.accounts import make_settings
from tests.support.leads import VISITOR, make_lead, sign_up
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

users = sa.Table("users", sa.MetaData(), sa.Column("name", sa.String(80), primary_key=True))
SIGN_UPS = 200


class User:
    """The app's own account of a person."""

    def __init__(self, name: str) -> None:
        self.name = name


registry().map_imperatively(User, users)


class ChangedMind(Exception):  # noqa: N818 - it stands for any error of a view
    """Something else goes wrong in the view."""


def add(name: str) -> sa.Insert:
    """Write a user, as Core does."""
    return sa.insert(users).values(name=name)


def names(engine: sa.Engine) -> list[str]:
    """List the users that exist."""
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(users.c.name)))


def outbox_of(fprom: Fprom) -> Any:
    """Return an account's outbox."""
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return delivery.outbox


def drained(fprom: Fprom, api: Api, clock: Callable[[float], None]) -> list[str]:
    """Send what is there, and list for whom."""
    while fprom.stats().pending:
        fprom.drain()
        clock(61)
    return sorted(api.uids)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """The app's own engine, with its users' table."""
    engine = sa.create_engine(outbox_url(database_url))
    users.create(engine)
    yield engine
    engine.dispose()


# Synchronous callers


@contextmanager
def plain_session(engine: sa.Engine) -> Iterator[Session]:
    """Yield a Session."""
    with Session(engine) as session:
        yield session


@contextmanager
def session_on_a_connection(engine: sa.Engine) -> Iterator[Session]:
    """Yield a Session bound to a connection, as test suites have it."""
    with engine.connect() as connection, Session(connection) as session:
        yield session
        connection.commit()


@contextmanager
def registered_session(engine: sa.Engine) -> Iterator[scoped_session[Session]]:
    """Yield a scoped_session."""
    registered = scoped_session(sessionmaker(engine))
    try:
        yield registered
    finally:
        registered.remove()


@contextmanager
def plain_connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a Connection."""
    with engine.connect() as connection:
        yield connection


KINDS = [plain_session, session_on_a_connection, registered_session, plain_connection]


def view(fprom: Fprom, session: Any, name: str, fate: int) -> None:
    """Register somebody; what becomes of it depends on the fate."""

    def sign(who: str) -> None:
        receipt = fprom.track_signup(VISITOR, uid=who, session=session)
        assert (receipt.status, receipt.durable) == ("queued", True)

    if fate == 0:
        session.execute(add(name))
        sign(name)
        session.commit()
    elif fate == 1:
        session.execute(add(name))
        sign(name)
        session.rollback()
    elif fate == 2:
        # Ours is the first statement of the transaction.
        sign(name)
        session.execute(add(name))
        session.commit()
    elif fate == 3:
        sign(name)
        session.execute(add(name))
        session.rollback()
    elif fate == 4:
        session.execute(add(f"{name}-outer"))
        sign(f"{name}-outer")
        inner = session.begin_nested()
        session.execute(add(f"{name}-inner"))
        sign(f"{name}-inner")
        inner.rollback()
        session.commit()
    elif fate == 5:
        session.execute(add(f"{name}-outer"))
        with session.begin_nested():
            sign(f"{name}-outer")
        session.commit()
    else:
        session.execute(add(name))
        sign(name)
        raise ChangedMind


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_users_and_leads_are_the_same(
    *, kind: Any, engine: sa.Engine, database_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """200 registrations: committed, rolled back, in savepoints, with our row first, and broken."""
    fprom = make(database_url)
    for number in range(SIGN_UPS):
        with suppress(ChangedMind), kind(engine) as session:
            view(fprom, session, f"user-{number}", number * 3 % 7)
    found = names(engine)

    assert len(found) == len(set(found))
    assert SIGN_UPS / 2 < len(found) < SIGN_UPS
    assert drained(fprom, api, clock.later) == found


def test_the_orm_may_flush_after_us(
    engine: sa.Engine, database_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """`session.add` waits for the commit, our row does not; one fails, both are gone."""
    fprom = make(database_url)
    with Session(engine) as session:
        session.add(User("new"))
        assert fprom.track_signup(VISITOR, uid="new", session=session).durable
        session.commit()
    with Session(engine) as session:
        session.add(User("new"))
        assert fprom.track_signup(VISITOR, uid="taken", session=session).durable
        with pytest.raises(sa.exc.IntegrityError):
            session.commit()

    assert drained(fprom, api, clock.later) == names(engine) == ["new"]


def test_flask_sqlalchemy(
    database_url: str, engine: sa.Engine, make: MakeFprom, api: Api, clock: Any
) -> None:
    """`db.session`, within the app's context."""
    app, db = flask.Flask("shop"), SQLAlchemy()
    app.config["SQLALCHEMY_DATABASE_URI"] = str(engine.url)
    db.init_app(app)
    fprom = make(database_url)
    for number in range(42):
        with app.app_context(), suppress(ChangedMind):
            view(fprom, db.session, f"user-{number}", number % 7)
    with app.app_context():
        db.engine.dispose()

    assert drained(fprom, api, clock.later) == names(engine) != []


def test_a_callers_engine_with_transactions_of_its_own(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """SQLAlchemy's recipe for SQLite, with which savepoints work from the first statement on."""
    engine = sa.create_engine(sqlite_url)
    sa.event.listen(engine, "connect", lambda db, _: setattr(db, "isolation_level", None))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    users.create(engine)
    fprom = make(sqlite_url)
    for number in range(21):
        with suppress(ChangedMind), Session(engine) as session:
            view(fprom, session, f"user-{number}", number % 7)

    assert drained(fprom, api, clock.later) == names(engine) != []
    engine.dispose()


# Asynchronous callers

DRIVERS = ["sqlite+aiosqlite", "postgresql+psycopg", "postgresql+asyncpg"]


@pytest.fixture(params=DRIVERS)
def async_url(request: pytest.FixtureRequest) -> str:
    """The URL of the app's own async engine."""
    base: str = request.getfixturevalue(f"{request.param.partition('+')[0]}_url")
    return f"{request.param}:{base.partition(':')[2]}"


def plain_url(url: str) -> str:
    """Leave the driver out."""
    scheme, _, rest = url.partition(":")
    return f"{scheme.partition('+')[0]}:{rest}"


@asynccontextmanager
async def async_engine(url: str) -> AsyncIterator[AsyncEngine]:
    """Yield the app's own engine on this loop."""
    engine = create_async_engine(url)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def plain_async_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Yield an AsyncSession."""
    async with AsyncSession(engine) as session:
        yield session


@asynccontextmanager
async def registered_async_session(
    engine: AsyncEngine,
) -> AsyncIterator[async_scoped_session[AsyncSession]]:
    """Yield an async_scoped_session."""
    registered = async_scoped_session(async_sessionmaker(engine), asyncio.current_task)
    try:
        yield registered
    finally:
        await registered.remove()


@asynccontextmanager
async def plain_async_connection(engine: AsyncEngine) -> AsyncIterator[Any]:
    """Yield an AsyncConnection."""
    async with engine.connect() as connection:
        yield connection


async def async_view(fprom: Fprom, session: Any, name: str, fate: int) -> None:
    """Register somebody; what becomes of it depends on the fate."""

    async def sign(who: str) -> None:
        receipt = await fprom.track_signup_async(VISITOR, uid=who, session=session)
        assert (receipt.status, receipt.durable) == ("queued", True)

    first, second = (sign(name), session.execute(add(name)))
    if fate % 2:
        first, second = second, first
    await first
    if fate in {6, 7}:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
    await second
    if fate in {0, 1}:
        await session.commit()
    elif fate in {2, 3}:
        await session.rollback()
    elif fate in {4, 5}:
        inner = await session.begin_nested()
        await session.execute(add(f"{name}-inner"))
        await sign(f"{name}-inner")
        await inner.rollback()
        await session.commit()
    else:
        raise ChangedMind


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [plain_async_session, registered_async_session, plain_async_connection]
)
def test_users_and_leads_are_the_same_on_async_drivers(
    kind: Any, async_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """200 registrations, one task each: cancelled between user and lead among the other fates."""
    fprom = make(plain_url(async_url))
    engine = sa.create_engine(outbox_url(plain_url(async_url)))
    users.create(engine)
    cancelled = Counter[bool]()

    async def main() -> None:
        async with async_engine(async_url) as its_engine:

            async def register(number: int) -> None:
                async with kind(its_engine) as session:
                    await async_view(fprom, session, f"user-{number}", number * 5 % 9)

            for number in range(SIGN_UPS):
                task = asyncio.create_task(register(number))
                await asyncio.wait([task])
                cancelled[task.cancelled()] += 1
                if not task.cancelled() and (error := task.exception()):
                    assert isinstance(error, ChangedMind)

    asyncio.run(main())
    found = names(engine)
    engine.dispose()

    assert cancelled[True] == sum(number * 5 % 9 in {6, 7} for number in range(SIGN_UPS))
    assert 0 < len(found) < SIGN_UPS
    assert drained(fprom, api, clock.later) == found


@pytest.mark.slow
def test_a_task_that_is_cancelled_at_any_moment(
    async_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """While a statement of ours is on its way, too: the two stay together."""
    fprom = make(plain_url(async_url))
    engine = sa.create_engine(outbox_url(plain_url(async_url)))
    users.create(engine)

    async def main() -> None:
        async with async_engine(async_url) as its_engine:

            async def register(number: int) -> None:
                async with AsyncSession(its_engine) as session, session.begin():
                    await session.execute(add(f"user-{number}"))
                    await fprom.track_signup_async(VISITOR, uid=f"user-{number}", session=session)

            for number in range(80):
                task = asyncio.create_task(register(number))
                for _ in range(number % 40):
                    await asyncio.sleep(0.0002 * (number % 3))
                task.cancel()
                await asyncio.wait([task])

    asyncio.run(main())
    found = names(engine)
    engine.dispose()

    assert drained(fprom, api, clock.later) == found
    assert fprom.stats().not_durable == 0


def test_a_sync_session_may_be_handed_to_the_async_twin(
    engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """For whoever uses a sync session in an async view."""
    fprom = make(database_url)
    with Session(engine) as session:
        asyncio.run(fprom.track_signup_async(VISITOR, uid=1, session=session))
        session.commit()

    assert fprom.stats().pending == 1


def test_the_async_twin_needs_no_async_sqlalchemy(
    engine: sa.Engine, database_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has loaded it, a session cannot be one of its."""
    monkeypatch.delitem(sys.modules, "sqlalchemy.ext.asyncio")
    fprom = make(database_url)
    with Session(engine) as session:
        receipt = asyncio.run(fprom.track_signup_async(VISITOR, uid=1, session=session))
        session.commit()

    assert receipt.durable
    assert fprom.stats().pending == 1


# The tables


def test_the_tables_are_created_in_the_callers_transaction(
    engine: sa.Engine, database_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """Rolled back, then again, then once more in a savepoint: the lead is there in the end."""
    fprom = make(database_url)
    with Session(engine) as session:
        session.execute(add("gone"))
        assert fprom.track_signup(VISITOR, uid="gone", session=session).durable
        session.rollback()
    with Session(engine) as session:
        session.execute(add("gone too"))
        inner = session.begin_nested()
        assert fprom.track_signup(VISITOR, uid="gone too", session=session).durable
        inner.rollback()
        assert fprom.track_signup(VISITOR, uid="stays", session=session).durable
        session.execute(add("stays"))
        session.execute(sa.delete(users).where(users.c.name == "gone too"))
        session.commit()

    assert drained(fprom, api, clock.later) == names(engine) == ["stays"]


def test_tables_that_were_dropped_meanwhile_are_created_again(
    engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """The app's tests drop everything between two of them."""
    fprom = make(database_url)
    for _ in range(2):
        with Session(engine) as session:
            assert fprom.track_signup(VISITOR, uid=1, session=session).durable
            session.commit()
        with engine.begin() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(leads))
            leads.drop(connection)
            accounts.drop(connection)
        assert count == 1


def test_tables_of_another_version_are_told_to_the_caller(
    engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """As what they are, a mistake in the set-up."""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {leads.name} (id INTEGER)")
    fprom = make(database_url)

    with Session(engine) as session, pytest.raises(FpromConfigError, match="another version"):
        fprom.track_signup(VISITOR, uid=1, session=session)


# Transactions that cannot take it


def test_a_session_that_has_failed_keeps_no_lead(
    engine: sa.Engine, database_url: str, make: MakeFprom, caplog: pytest.LogCaptureFixture
) -> None:
    """It can only be rolled back: there will be no user, and so there must be no lead."""
    fprom = make(database_url)
    sign_up(fprom)
    with Session(engine) as session:
        session.add_all([User("twice")])
        session.commit()
        session.add(User("twice"))
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()
        receipts = [
            fprom.track_signup(VISITOR, uid="nobody", session=session),
            asyncio.run(fprom.track_signup_async(VISITOR, uid="nobody", session=session)),
        ]
        session.rollback()

    for receipt in receipts:
        assert (receipt.status, receipt.reason) == ("failed", "database")
        assert not receipt.durable
    assert (fprom.stats().pending, fprom.stats().not_durable) == (1, 0)
    assert "not written into session=, and is not kept (PendingRollbackError)" in caplog.text


def test_a_transaction_that_postgresql_has_aborted_keeps_no_lead(
    postgresql_url: str, make: MakeFprom
) -> None:
    """The same on a bare connection, with each driver that has its own name for it."""
    fprom = make(postgresql_url)
    engine = sa.create_engine(outbox_url(postgresql_url))
    with engine.connect() as connection:
        with pytest.raises(ProgrammingError):
            connection.execute(sa.text("SELECT nonsense"))
        receipt = fprom.track_signup(VISITOR, uid="nobody", session=connection)
    engine.dispose()

    async def with_asyncpg() -> Receipt:
        url = f"postgresql+asyncpg:{postgresql_url.partition(':')[2]}"
        async with async_engine(url) as engine, engine.connect() as connection:
            with suppress(ProgrammingError):
                await connection.execute(sa.text("SELECT nonsense"))
            return await fprom.track_signup_async(VISITOR, uid="nobody", session=connection)

    for each in (receipt, asyncio.run(with_asyncpg())):
        assert (each.status, each.reason, each.durable) == ("failed", "database", False)
    assert fprom.stats().not_durable == 0


def test_a_failure_of_ours_leaves_the_callers_transaction_alone(
    postgresql_url: str, make: MakeFprom, api: Api, clock: Any
) -> None:
    """No right to write the outbox: the user registers all the same, and the receipt says it."""
    engine = sa.create_engine(outbox_url(postgresql_url))
    users.create(engine)
    fprom = make(postgresql_url)
    sign_up(fprom)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE IF EXISTS fprom_poor")
        connection.exec_driver_sql("CREATE ROLE fprom_poor LOGIN")
        connection.exec_driver_sql("GRANT ALL ON users TO fprom_poor")
    poor = sa.create_engine(engine.url.set(username="fprom_poor"))
    with poor.begin() as connection:
        connection.execute(add("1"))
        receipt = fprom.track_signup(VISITOR, uid="1", session=connection)
    poor.dispose()

    assert (receipt.status, receipt.reason, receipt.durable) == ("failed", "database", False)
    assert names(engine) == ["1"]
    assert drained(fprom, api, clock.later) == ["0"]
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY fprom_poor")
        connection.exec_driver_sql("DROP ROLE fprom_poor")
    engine.dispose()


def test_a_locked_sqlite_keeps_no_lead(
    sqlite_url: str, make: MakeFprom, tmp_path: Path, api: Api, clock: Any
) -> None:
    """The caller's own connection waited as long as the caller wants, and gave up."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    ours, theirs = (sa.create_engine(sqlite_url, connect_args={"timeout": 0}) for _ in range(2))
    with theirs.connect() as holder, ours.connect() as connection:
        holder.execute(sa.delete(accounts).where(accounts.c.account == ""))
        receipt = fprom.track_signup(VISITOR, uid="1", session=connection)
        holder.rollback()
    for engine in (ours, theirs):
        engine.dispose()

    assert (receipt.status, receipt.reason, receipt.durable) == ("failed", "database", False)
    fprom.drain()
    assert api.uids == ["0"]


def test_a_seen_table_that_still_fails_fails(sqlite_url: str) -> None:
    """Looked at again once, not for ever."""
    engine = sa.create_engine(sqlite_url, connect_args={"timeout": 0})
    writer = TransactionWriter(Database(outbox_url(sqlite_url), "account"), "account")
    row = {"account": "account", "due_at": 1.0, "queued_at": 1.0, "payload": "{}"}
    with engine.begin() as connection:
        writer.write(row, connection)
    with closing(engine.raw_connection()) as holder, engine.connect() as connection:
        holder.cursor().execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            writer.write(row, connection)
    engine.dispose()


# What is no session, or the wrong one


@pytest.mark.parametrize("backend", ["sqlite+aiosqlite", "postgresql+asyncpg"])
def test_an_async_session_handed_to_the_sync_twin_is_told(
    backend: str, make: MakeFprom, sqlite_url: str
) -> None:
    """What to call instead."""
    fprom = make(sqlite_url)
    engine = create_async_engine(f"{backend}:///x")
    sessions = [
        AsyncSession(engine),
        async_scoped_session(async_sessionmaker(engine), lambda: 1),
        engine.connect(),
    ]
    for session in sessions:
        with pytest.raises(
            FpromConfigError, match=rf"{type(session).__name__}: await track_signup_async"
        ):
            fprom.track_signup(VISITOR, uid=1, session=session)


@pytest.mark.parametrize("nonsense", ["a session", 1, object(), sa.create_engine("sqlite://")])
def test_what_is_no_session_is_told(nonsense: object, make: MakeFprom, sqlite_url: str) -> None:
    """An engine neither: it has no transaction."""
    fprom = make(sqlite_url)
    name = type(nonsense).__name__
    with pytest.raises(FpromConfigError, match=f"session= is a {name}, not a SQLAlchemy Session"):
        fprom.track_signup(VISITOR, uid=1, session=nonsense)
    with pytest.raises(FpromConfigError, match=f"session= is a {name}, not a SQLAlchemy Session"):
        asyncio.run(fprom.track_signup_async(VISITOR, uid=1, session=nonsense))


def test_another_database_is_refused(make: MakeFprom, sqlite_url: str, tmp_path: Path) -> None:
    """Nobody would drain it; neither side's password is shown."""
    fprom = make("postgresql://me:canary@db.internal/shop")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with Session(engine) as session, pytest.raises(FpromConfigError) as refused:
        fprom.track_signup(VISITOR, uid=1, session=session)
    engine.dispose()

    assert (
        "a sqlite database, but the outbox is drained from postgresql+psycopg://db.internal/shop"
        in str(refused.value)
    )
    assert "canary" not in str(refused.value)


def test_a_relative_path_is_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: MakeFprom
) -> None:
    """The app says sqlite:///shop.db, and so does FPROM_OUTBOX_URL."""
    monkeypatch.chdir(tmp_path)
    fprom = make("sqlite:///shop.db")
    engine = sa.create_engine("sqlite:///shop.db")
    with Session(engine) as session:
        assert fprom.track_signup(VISITOR, uid=1, session=session).durable
        session.commit()
    engine.dispose()
    assert fprom.stats().pending == 1


def test_a_session_with_a_database_per_model_is_told(
    engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """It cannot know where our table is; its connection for users can."""
    fprom = make(database_url)
    with Session(binds={User: engine}) as session:
        with pytest.raises(FpromConfigError, match="hand in the connection"):
            fprom.track_signup(VISITOR, uid=1, session=session)
        connection = session.connection(bind_arguments={"mapper": User})
        assert fprom.track_signup(VISITOR, uid=1, session=connection).durable
        session.commit()
    assert fprom.stats().pending == 1


# The thread


@pytest.mark.slow
def test_the_worker_wakes_soon_after_the_callers_commit(
    engine: sa.Engine, database_url: str, api: Api
) -> None:
    """Nothing is sent before it, and it does not take the half minute of an idle thread."""
    fprom = Fprom(make_settings(database_url, worker="thread"), client=api.client)
    sign_up(fprom)
    assert eventually(lambda: len(api.seen) == 1)
    with Session(engine) as session:
        session.execute(add("late"))
        assert fprom.track_signup(VISITOR, uid="late", session=session).durable
        time.sleep(0.6)
        before = list(api.uids)
        session.commit()
    assert eventually(lambda: api.uids == ["0", "late"], within=20)
    fprom.close()
    assert before == ["0"]


def test_a_row_of_session_is_the_row_of_put(
    engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """Whichever way a lead comes in."""
    fprom = make(database_url)
    with Session(engine) as session:
        fprom.track_signup(VISITOR, uid="same", session=session)
        session.commit()
    fprom.track_signup(VISITOR, uid="same")
    with engine.connect() as connection:
        one, two = (dict(row) for row in connection.execute(sa.select(leads)).mappings())

    assert {**one, "id": 0, "row_key": ""} == {**two, "id": 0, "row_key": ""}
    assert outbox_of(fprom).row(make_lead())["account"] == one["account"]
