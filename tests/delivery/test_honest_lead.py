"""Leads that fail alone hold up no other, however many they are: on a clock that is wound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.leads import make_lead, put_leads

if TYPE_CHECKING:
    from fprom_middleware import Fprom
    from fprom_middleware.outbox.store import Outbox
    from tests.support.api import Api, Seen
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

MINUTE = 60.0
LATEST = {60: 15 * MINUTE, 600: 20 * MINUTE}


def outbox_of(fprom: Fprom) -> Outbox:
    """Return an account's outbox."""
    outbox: Outbox = fprom.delivery.outbox  # type: ignore[attr-defined]  # of an outbox delivery
    return outbox


def drain_until(fprom: Fprom, clock: Clock, done: float) -> None:
    """Let the drain do all that it does until a moment."""
    outbox = outbox_of(fprom)
    while clock.now < done:
        fprom.drain()
        due = outbox.next_due()
        clock.now = done if due is None else min(max(due, clock.now + 0.5), done)


def delay_of_an_honest_lead(fprom: Fprom, api: Api, clock: Clock, within: float) -> float:
    """Sign up a lead that would get through, and see when it does."""
    began = clock.now
    put_leads(outbox_of(fprom), make_lead("honest"))
    while "honest" not in api.uids:
        assert clock.now - began <= within, "the honest lead waits for others"
        fprom.drain()
        due = outbox_of(fprom).next_due()
        if "honest" not in api.uids and due is not None:
            clock.now = max(due, clock.now + 0.5)
    return clock.now - began


def fails_for_bad(status: int, *, seconds: float = 0.0, clock: Clock | None = None) -> object:
    """Answer that status to what is bad, after a while, and 200 to the others."""

    def answer(call: Seen) -> int:
        if not call.body["uid"].startswith("bad"):
            return 200
        if clock is not None:
            clock.later(seconds)
        return status

    return answer


@pytest.mark.slow
@pytest.mark.parametrize("status", [413, 500, 503, 408])
@pytest.mark.parametrize("bad", [60, 600])
@pytest.mark.parametrize("after", [0.0, 10 * MINUTE, 180 * MINUTE])
def test_leads_that_fail_alone_hold_up_no_other(
    *,
    sqlite_url: str,
    make: MakeFprom,
    api: Api,
    clock: Clock,
    status: int,
    bad: int,
    after: float,
) -> None:
    """Behind them, while they are new or have been tried for hours."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(f"bad-{number}") for number in range(bad)))
    api.says = fails_for_bad(status)  # type: ignore[assignment]
    drain_until(fprom, clock, clock.now + after)

    assert delay_of_an_honest_lead(fprom, api, clock, LATEST[bad]) <= LATEST[bad]


@pytest.mark.parametrize("bad", [60, 600])
def test_leads_whose_calls_take_the_whole_time_out_hold_up_no_other(
    *, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, bad: int
) -> None:
    """Ten seconds for each: three of them are a probe all the same."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(f"bad-{number}") for number in range(bad)))
    api.says = fails_for_bad(504, seconds=10.0, clock=clock)  # type: ignore[assignment]
    drain_until(fprom, clock, clock.now + 30 * MINUTE)

    assert delay_of_an_honest_lead(fprom, api, clock, LATEST[bad]) <= LATEST[bad]


@pytest.mark.parametrize("before", [0, 10, 30, 50, 60])
def test_an_honest_lead_in_the_midst_of_sixty(
    *, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, before: int
) -> None:
    """All of them new: probes look at both ends of the queue."""
    fprom, began = make(sqlite_url), clock.now
    uids = [*(f"bad-{number}" for number in range(60))]
    uids.insert(before, "honest")
    put_leads(outbox_of(fprom), *map(make_lead, uids))
    api.says = fails_for_bad(500)  # type: ignore[assignment]
    drain_until(fprom, clock, began + 20 * MINUTE)
    at = {call.body["uid"]: call.at for call in api.seen}

    assert at["honest"] - began <= 15 * MINUTE


@pytest.mark.slow
def test_honest_leads_among_bad_ones_that_come_all_the_while(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """One bad lead a minute for three hours, and none of the others waits for longer than two."""
    fprom = make(sqlite_url)
    api.says = fails_for_bad(500)  # type: ignore[assignment]
    since = {}
    for number in range(180):
        put_leads(outbox_of(fprom), make_lead(f"bad-{number}"))
        drain_until(fprom, clock, clock.now + MINUTE / 2)
        since[f"honest-{number}"] = clock.now
        put_leads(outbox_of(fprom), make_lead(f"honest-{number}"))
        drain_until(fprom, clock, clock.now + MINUTE / 2)
    drain_until(fprom, clock, clock.now + 5 * MINUTE)
    at = {call.body["uid"]: call.at for call in api.seen}

    assert max(at[uid] - moment for uid, moment in since.items()) <= 2 * MINUTE


@pytest.mark.slow
def test_a_lead_that_fails_alone_ends_after_thirty_days(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Kept and listed as expired, told to the app; while the others get through all the time."""
    told: list[tuple[str | None, str | None]] = []
    fprom = make(
        sqlite_url,
        on_outcome=lambda lead, receipt: (
            told.append((lead.uid, receipt.reason)) if receipt.status == "rejected" else None
        ),
    )
    began = clock.now
    put_leads(outbox_of(fprom), make_lead("bad"))
    api.says = fails_for_bad(500)  # type: ignore[assignment]
    day = 0
    while fprom.stats().pending:
        day += 1
        assert day < 40
        for hour in range(24):
            put_leads(outbox_of(fprom), make_lead(f"{day}-{hour}"))
            drain_until(fprom, clock, began + day * 86400 + hour * 3600)

    assert told == [("bad", "expired")]
    assert 30 <= day <= 31
    assert fprom.stats().rejected == 1
    assert fprom.drain()["rejected"] == 0


@pytest.mark.slow
def test_an_outage_of_two_months_expires_nothing(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """None gets through: it is the API's failure, and none of the leads'."""
    fprom = make(sqlite_url)
    put_leads(outbox_of(fprom), *(make_lead(number) for number in range(4)))
    api.says = 500
    for _ in range(24 * 60):
        fprom.drain()
        clock.later(3600)
    assert fprom.stats().pending == 4
    api.says = 200
    clock.later(3600)

    assert fprom.drain()["sent"] == 4
