"""The verdict over the outbox's figures, and an account that gives it."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from fprom_middleware import Stats
from fprom_middleware.health import MAX_AGE_SECONDS, Health, judge
from tests.support.leads import sign_up
from tests.support.relay import relay_to, through
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.api import Api
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

VERDICTS: dict[str, tuple[Stats | None, tuple[str, ...]]] = {
    "nothing waits": (Stats(), ()),
    "young events wait": (Stats(pending=3, oldest_age=10.0), ()),
    "as old as it may be": (Stats(pending=1, oldest_age=60.0), ()),
    "older than that": (Stats(pending=1, oldest_age=60.1), ("oldest_age",)),
    "rejected events are a person's to look at, and no fault": (Stats(rejected=9), ()),
    "a pause that ends by itself": (Stats(pending=1, oldest_age=1.0, paused="rate_limited"), ()),
    "refused credentials": (Stats(paused="unauthorized"), ("unauthorized",)),
    "events in memory": (Stats(not_durable=1), ("not_durable",)),
    "several": (
        Stats(not_durable=1, oldest_age=61.0, paused="unauthorized"),
        ("not_durable", "oldest_age", "unauthorized"),
    ),
    "the database does not tell": (None, ("database",)),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdicts(case: str) -> None:
    """A fault is what a person has to look at, and each is named."""
    figures, reasons = VERDICTS[case]

    health = judge(figures, max_age=60.0)

    assert (health.reasons, health.ok) == (reasons, not reasons)
    assert health.status_code == (503 if reasons else 200)


def test_a_verdict_is_ready_for_json() -> None:
    """As a mapping it holds what it says, and nothing else."""
    health = judge(Stats(oldest_age=3601.5))

    assert json.loads(json.dumps(dict(health))) == {
        "ok": False,
        "reasons": ["oldest_age"],
        "oldest_age": 3601.5,
        "max_age": MAX_AGE_SECONDS,
    }
    with pytest.raises(KeyError):
        health["status_code"]


def test_an_account_tells_how_it_is(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """The age counts, by the account's own clock, until the event is delivered."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    clock.later(61)

    assert fprom.health().ok
    assert fprom.health(max_age=60).reasons == ("oldest_age",)
    fprom.drain()
    assert fprom.health(max_age=60).ok


async def _health(fprom: Any) -> Health:
    health: Health = await fprom.health_async(max_age=60)
    return health


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_async_twin(backend: str, sqlite_url: str, make: MakeFprom, clock: Clock) -> None:
    """The same verdict, without blocking the loop."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    clock.later(61)

    assert anyio.run(_health, fprom, backend=backend) == fprom.health(max_age=60)


def test_a_database_that_refuses_is_a_verdict(
    tmp_path: Path, sqlite_url: str, make: MakeFprom
) -> None:
    """A file that is no database, and tables of another version, raise nothing."""
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 100)
    assert make(sqlite_url).health().reasons == ("database",)

    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE fprom_outbox (something_else INTEGER)")
    assert make(f"sqlite:///{other}").health().reasons == ("database",)


@pytest.mark.slow
def test_a_locked_file_is_waited_for_a_second(
    tmp_path: Path, sqlite_url: str, make: MakeFprom
) -> None:
    """A view is answered whatever another process does with the file."""
    with closing(sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        health = make(sqlite_url).health()

    assert health.reasons == ("database",)
    assert time.monotonic() - began < 1.5


@pytest.mark.slow
def test_a_silent_server_is_waited_for_a_second(postgresql_url: str, make: MakeFprom) -> None:
    """No driver's own time-out is asked; afterwards all is well again."""
    with relay_to(postgresql_url) as relay:
        fprom = make(through(postgresql_url, relay, "postgresql+psycopg"))
        # A busy machine may take a second for the first connection.
        assert eventually(lambda: fprom.health().ok, within=40)
        relay.silence()
        began = time.monotonic()
        health = fprom.health()
        waited = time.monotonic() - began
        relay.release()
        recovered = eventually(lambda: fprom.health().ok, within=40)

    assert health.reasons == ("database",)
    assert waited < 1.5
    assert recovered
