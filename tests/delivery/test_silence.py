"""A database server that says nothing: the view waits a second, and only the first one does."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.leads import VISITOR, sign_up
from tests.support.relay import Relay, relay_to, through
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware import Fprom, Receipt
    from tests.support.api import Api
    from tests.support.fixtures import MakeFprom

BOUND = 1.0
"""Seconds that a view may wait."""
SLACK = 5.0
"""For a machine that has other things to do: the relay is silent until the views are back, and
without a bound of ours they would wait for as long as a driver does."""
DRIVERS = ["postgresql+psycopg", "postgresql+psycopg2", "mysql+pymysql"]


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver in turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def relay(driver: str, request: pytest.FixtureRequest) -> Iterator[Relay]:
    """A relay in front of the driver's server."""
    kind = "mariadb_url" if driver.startswith("mysql") else "postgresql_url"
    with relay_to(request.getfixturevalue(kind)) as relay:
        yield relay
        relay.release()


@pytest.fixture
def fprom(driver: str, relay: Relay, request: pytest.FixtureRequest, make: MakeFprom) -> Fprom:
    """An account whose outbox is behind the relay."""
    kind = "mariadb_url" if driver.startswith("mysql") else "postgresql_url"
    return make(through(request.getfixturevalue(kind), relay, driver))


def timed(fprom: Fprom, uid: str) -> tuple[Receipt, float]:
    """Sign up, and say how long it took."""
    began = time.monotonic()
    receipt = fprom.track_signup(VISITOR, uid=uid)
    return receipt, time.monotonic() - began


def kept_in_memory(receipt: Receipt) -> bool:
    """Say whether the lead waits in memory."""
    return (receipt.status, receipt.reason, receipt.durable) == ("queued", "database", False)


def sent_once(fprom: Fprom, api: Api, uids: set[str]) -> bool:
    """Drain until these have been delivered; say whether each was once."""

    def drained() -> bool:
        try:
            fprom.drain()
        except Exception:  # noqa: BLE001 - not back yet
            return False
        return set(api.uids) >= uids

    return eventually(drained, within=40) and sorted(api.uids) == sorted(uids)


@pytest.mark.slow
def test_a_connection_that_falls_silent(fprom: Fprom, relay: Relay, api: Api) -> None:
    """One view waits a second, the next ones do not; all is delivered, once, when it is back."""
    sign_up(fprom)
    relay.silence()
    first, waited = timed(fprom, "first")
    others = [timed(fprom, f"other-{number}") for number in range(5)]
    relay.release()

    assert kept_in_memory(first)
    assert BOUND * 0.9 <= waited < BOUND + SLACK
    assert all(kept_in_memory(receipt) for receipt, _ in others)
    # Each by itself would wait a second too.
    assert sum(seconds for _, seconds in others) < len(others) * BOUND / 2
    assert sent_once(fprom, api, {"0", "first", *(f"other-{number}" for number in range(5))})


@pytest.mark.slow
def test_a_server_that_says_nothing_from_the_start(fprom: Fprom, relay: Relay) -> None:
    """It accepts connections and is silent: no driver's own time-out is asked."""
    relay.silence()
    receipt, waited = timed(fprom, "first")

    assert kept_in_memory(receipt)
    assert waited < BOUND + SLACK


@pytest.mark.slow
def test_many_views_at_once(fprom: Fprom, relay: Relay, api: Api) -> None:
    """Those that were on their way wait a second like the first; none waits for another."""
    sign_up(fprom)
    relay.silence()
    found: list[tuple[Receipt, float]] = []
    threads = [
        threading.Thread(target=lambda n=number: found.append(timed(fprom, f"view-{n}")))
        for number in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay.release()

    assert all(kept_in_memory(receipt) for receipt, _ in found)
    assert max(seconds for _, seconds in found) < BOUND + SLACK
    assert sent_once(fprom, api, {"0", *(f"view-{number}" for number in range(30))})


@pytest.mark.slow
def test_a_connection_that_never_comes_back_is_given_up(
    fprom: Fprom, relay: Relay, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What hangs is broken off; a new connection finds the server again."""
    monkeypatch.setattr("fprom_middleware.bounded.BREAK_SECONDS", 1.5)
    sign_up(fprom)
    relay.silence()
    receipt, _ = timed(fprom, "first")
    # The old connections stay silent for ever; what is opened from now on is handed on.
    relay.forget()

    assert kept_in_memory(receipt)
    assert sent_once(fprom, api, {"0", "first"})


@pytest.mark.slow
def test_async_views_wait_no_longer_and_may_be_cancelled(
    fprom: Fprom, relay: Relay, api: Api
) -> None:
    """The event loop goes on meanwhile; a cancelled view is let go, and its lead is kept."""
    sign_up(fprom)
    relay.silence()

    async def main() -> tuple[Receipt, float, float]:
        began = time.monotonic()
        cancelled = asyncio.create_task(fprom.track_signup_async(VISITOR, uid="cancelled"))
        await asyncio.sleep(0.1)
        cancelled.cancel()
        await asyncio.wait([cancelled])
        let_go = time.monotonic() - began
        assert cancelled.cancelled()
        receipt = await fprom.track_signup_async(VISITOR, uid="waits")
        return receipt, let_go, time.monotonic() - began

    receipt, let_go, waited = asyncio.run(main())
    relay.release()

    assert kept_in_memory(receipt)
    assert let_go < BOUND
    assert waited < 2 * BOUND + SLACK
    assert sent_once(fprom, api, {"0", "cancelled", "waits"})


@pytest.mark.slow
def test_figures_do_not_wait_for_it_either(fprom: Fprom, relay: Relay) -> None:
    """A health endpoint answers within the same second."""
    sign_up(fprom)
    relay.silence()
    began = time.monotonic()
    with pytest.raises(Exception, match=r"answer|Silent"):
        fprom.stats()

    assert time.monotonic() - began < BOUND + SLACK


def test_no_driver_is_asked_twice(make: MakeFprom, sqlite_url: str) -> None:
    """SQLite needs no thread: its calls run where they are made."""
    fprom = make(sqlite_url)
    before = set(threading.enumerate())
    sign_up(fprom)
    delivery: Any = fprom.delivery

    assert set(threading.enumerate()) <= before
    assert delivery.outbox.database.backend == "sqlite"
