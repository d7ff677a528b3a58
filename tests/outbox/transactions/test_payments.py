"""``session=`` for sales, refunds and cancellations: the event exists when the order does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from fprom_middleware import FpromConfigError, Receipt, Status
from fprom_middleware.outbox.urls import outbox_url
from tests.support.leads import VISITOR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

orders = sa.Table("orders", sa.MetaData(), sa.Column("number", sa.Integer, primary_key=True))
LEAST: dict[str, dict[str, Any]] = {
    "track_sale": {"event_id": "pi_1", "amount": 1290},
    "track_refund": {"event_id": "re_1", "amount": 90},
    "track_cancellation": {},
}


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    """The app's own engine, with its orders' table."""
    engine = sa.create_engine(outbox_url(database_url))
    orders.create(engine)
    yield engine
    engine.dispose()


def count_orders(engine: sa.Engine) -> int:
    """Count the orders that exist."""
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(orders)) or 0


@pytest.mark.parametrize("commits", [True, False])
@pytest.mark.parametrize("verb", LEAST)
def test_the_order_and_its_event_are_one(
    verb: str, commits: bool, engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """Both are there, or neither."""
    fprom = make(database_url)
    with Session(engine) as session:
        session.execute(orders.insert().values(number=1))
        receipt = getattr(fprom, verb)(uid=7, session=session, **LEAST[verb])
        assert (receipt.status, receipt.durable) == (Status.QUEUED, True)
        if commits:
            session.commit()
    assert fprom.stats().pending == count_orders(engine) == int(commits)


@pytest.mark.anyio
@pytest.mark.parametrize("driver", ["sqlite+aiosqlite", "postgresql+psycopg", "postgresql+asyncpg"])
@pytest.mark.parametrize("verb", LEAST)
async def test_the_same_on_async_drivers(
    verb: str, driver: str, request: pytest.FixtureRequest, make: MakeFprom, api: Api
) -> None:
    """An AsyncSession of the app's own."""
    url: str = request.getfixturevalue(f"{driver.partition('+')[0]}_url")
    fprom = make(url)
    engine = create_async_engine(f"{driver}:{url.partition(':')[2]}")
    receipts: list[Receipt] = []
    for commits in (False, True):
        async with AsyncSession(engine) as session:
            track = getattr(fprom, f"{verb}_async")
            receipts.append(await track(uid=7, session=session, **LEAST[verb]))
            assert receipts[-1].durable
            if commits:
                await session.commit()
        assert fprom.stats().pending == int(commits)
    await engine.dispose()
    assert fprom.drain()["sent"] == 1
    assert receipts[-1].event is not None
    assert api.leads == [receipts[-1].event.to_json()]


@pytest.fixture
def anyio_backend() -> str:
    """SQLAlchemy's async drivers are asyncio's."""
    return "asyncio"


def test_a_transaction_keeps_the_order_within_it(
    engine: sa.Engine, database_url: str, make: MakeFprom, api: Api
) -> None:
    """A sign-up and its first sale are committed at once, and sent one after the other."""
    fprom = make(database_url)
    with Session(engine) as session:
        fprom.track_signup(VISITOR, "a@example.com", session=session)
        fprom.track_sale(None, "A@example.com", event_id="pi_1", amount=1, session=session)
        fprom.track_cancellation(None, "a@EXAMPLE.com", session=session)
        session.commit()
    assert fprom.drain()["sent"] == 3
    assert [call.url.rpartition("/")[2] for call in api.seen] == ["signup", "sale", "cancellation"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"amount": 0}, "zero_amount"),
        ({"amount": -1}, "bad_request"),
        ({"email": ""}, "unidentified"),
    ],
)
def test_what_is_not_sent_is_not_written(
    fields: dict[str, Any], reason: str, engine: sa.Engine, database_url: str, make: MakeFprom
) -> None:
    """The order is committed as it would be without us."""
    fprom = make(database_url)
    with Session(engine) as session:
        session.execute(orders.insert().values(number=1))
        said = {"email": "a@example.com", **LEAST["track_sale"], **fields}
        assert fprom.track_sale(session=session, **said).reason == reason
        session.commit()
    assert (fprom.stats().pending, count_orders(engine)) == (0, 1)


def test_another_database_is_refused(sqlite_url: str, make: MakeFprom, tmp_path: Path) -> None:
    """As for a sign-up: a mistake of the program."""
    fprom = make(sqlite_url)
    other = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    with Session(other) as session, pytest.raises(FpromConfigError, match="another"):
        fprom.track_sale(uid=7, session=session, **LEAST["track_sale"])
    other.dispose()
