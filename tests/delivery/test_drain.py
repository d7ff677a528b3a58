"""Claim, send, settle, with FirstPromoter played at the edge of httpx."""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import sqlalchemy as sa

from fprom_middleware import Fprom, Lead, Receipt, TrackingContext
from fprom_middleware.api.protocol import Outcome
from fprom_middleware.database.schema import leads
from fprom_middleware.delivery.drain import LARGEST_BATCH
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.errors import FpromOutboxError
from fprom_middleware.outbox.throttle import PROBES
from tests.support.accounts import make_settings
from tests.support.clock import START, Clock
from tests.support.leads import VISITOR, make_leads, put_leads, sign_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fprom_middleware.outbox.claims import Batch
    from fprom_middleware.outbox.store import Outbox
    from tests.support.api import Api, Seen
    from tests.support.fixtures import MakeFprom


def delivery_of(fprom: Fprom) -> OutboxDelivery:
    """Return what works behind an account."""
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return delivery


def outbox_of(fprom: Fprom) -> Outbox:
    """Return an account's outbox."""
    return delivery_of(fprom).outbox


def rows(fprom: Fprom) -> list[Mapping[str, Any]]:
    """Read what is not delivered."""
    statement = sa.select(leads).where(leads.c.delivered_at.is_(None)).order_by(leads.c.id)
    return outbox_of(fprom).database.read(
        lambda connection: [dict(row) for row in connection.execute(statement).mappings()]
    )


def asks(code: int, wait: str) -> httpx.Response:
    """Answer with a Retry-After."""
    return httpx.Response(code, headers={"Retry-After": wait})


def slowly(seconds: float) -> Callable[[Seen], int]:
    """Answer 200 after a while."""

    def answer(_: Seen) -> int:
        time.sleep(seconds)
        return 200

    return answer


class Cut(httpx.SyncByteStream):
    """A body that breaks off half-way."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield half of it."""
        yield b'{"id": '
        raise httpx.ReadError("reset")


def now_or_later(fprom: Fprom, clock: Clock) -> None:
    """Wind the clock to the next moment with something to do."""
    due = outbox_of(fprom).next_due()
    assert due is not None
    clock.now = max(clock.now, due)


# The table of outcomes

GONE, KEPT = "gone", "kept"
LATER = ("failed", None, 0.0, 2.0, None)
OUTCOMES: dict[str, tuple[Any, tuple[str, str | None, float, float, str | None]]] = {
    # What the API does: how it is counted, what becomes of the row, when it is due again at the
    # earliest and at the latest, and why all is paused.
    "200": (200, ("sent", GONE, 0, 0, None)),
    "422": (422, ("duplicate", GONE, 0, 0, None)),
    **{str(code): (code, ("rejected", KEPT, 0, 0, None)) for code in (400, 413, 414, 431)},
    "404": (404, ("failed", None, 10, 10, None)),
    "401": (401, ("failed", None, 0, 0, "unauthorized")),
    "403": (403, ("failed", None, 0, 0, "unauthorized")),
    "403 of a firewall": (lambda _: httpx.Response(403, html="<html></html>"), LATER),
    "404 of a wrong path": (lambda _: httpx.Response(404, html="<html></html>"), LATER),
    "429": (429, ("failed", None, 60, 60, "rate_limited")),
    "429 in 7 s": (lambda _: asks(429, "7"), ("failed", None, 7, 7, "rate_limited")),
    "429 in 0 s": (lambda _: asks(429, "0"), ("failed", None, 0, 2, "rate_limited")),
    "503": (503, LATER),
    "503 in 90 s": (lambda _: asks(503, "90"), ("failed", None, 90, 90, None)),
    "503 at a date": (
        lambda _: asks(503, "Fri, 15 Jan 2027 08:00:30 GMT"),
        ("failed", None, 30, 30, None),
    ),
    "503 in -1 s": (lambda _: asks(503, "-1"), LATER),
    "503 in 10^9 s": (lambda _: asks(503, "1000000000"), ("failed", None, 3600, 3600, None)),
    "503 in text": (lambda _: asks(503, "soon"), LATER),
    **{str(code): (code, LATER) for code in (201, 204, 301, 302, 405, 408, 500, 502, 504)},
    "no name": (httpx.ConnectError("[Errno -2] Name or service not known"), LATER),
    "no certificate": (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), LATER),
    "reset before": (httpx.ReadError("reset"), LATER),
    "no answer": (httpx.RemoteProtocolError("closed"), LATER),
    "too slow": (httpx.ReadTimeout("slow"), LATER),
    "half a body": (lambda _: httpx.Response(200, stream=Cut()), LATER),
    "broken JSON": (lambda _: httpx.Response(200, content=b'{"id":'), LATER),
    "no JSON object": (lambda _: httpx.Response(200, json=[]), LATER),
    "a page": (lambda _: httpx.Response(200, html="<html></html>"), LATER),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_answer_and_every_failure(
    name: str, database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """How it is counted, what becomes of the row, when it is due, and who is told."""
    says, (counted, fate, earliest, latest, paused) = OUTCOMES[name]
    told: list[tuple[Lead, Receipt]] = []
    fprom = make(database_url, on_outcome=lambda lead, receipt: told.append((lead, receipt)))
    sign_up(fprom)
    api.says = says
    counts = fprom.drain(limit=1)

    assert counts == {**dict.fromkeys(counts, 0), counted: 1}
    assert len(api.seen) == 1
    assert fprom.stats().paused == paused
    found = rows(fprom)
    if fate == GONE:
        assert found == []
    elif fate == KEPT:
        assert (found[0]["due_at"], found[0]["reason"]) == (None, "bad_request")
        assert fprom.stats().rejected == 1
    else:
        assert clock.now + earliest <= found[0]["due_at"] <= clock.now + latest
    if fate is None:
        assert told == []
    else:
        ((lead, receipt),) = told
        assert lead is receipt.lead
        assert (receipt.status, receipt.durable, lead.uid) == (counted, True, "0")
        assert receipt.reason == ("bad_request" if fate == KEPT else None)


def test_nothing_is_sent_before_it_is_due(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Never earlier than asked."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = lambda _: asks(503, "120")
    fprom.drain()
    clock.later(119.99)
    fprom.drain()
    assert len(api.seen) == 1
    clock.later(0.01)
    fprom.drain()
    assert len(api.seen) == 2


def test_the_body_is_the_same_through_every_retry(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """To the byte, created_at (the moment of the sign-up) included."""
    script: list[Any] = [503, httpx.ReadError(""), 429, 404, 401, 200.5, 302, 404, 500, 422]
    fprom = make(database_url)
    context = TrackingContext(tid="a-tid", ip="93.184.216.34")
    fprom.track_signup(context, "jürgen@example.com", uid=7, skip_email_notification=True)
    for says in script:
        api.says = httpx.Response(200, text="no JSON") if says == 200.5 else says
        fprom.drain()
        if says != 422:
            now_or_later(fprom, clock)

    assert len(api.seen) == len(script)
    assert len({call.raw for call in api.seen}) == 1
    assert api.seen[0].body == {
        "email": "jürgen@example.com",
        "uid": "7",
        "tid": "a-tid",
        "ip": "93.184.216.34",
        "created_at": "2027-01-15T08:00:00.000Z",
        "skip_email_notification": True,
    }
    assert rows(fprom) == []


def test_an_unknown_visitor_is_tried_at_0_10_60_300_and_900_seconds(
    database_url: str, make: MakeFprom, api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Then it is rejected and kept; the log names no one."""
    told: list[Receipt] = []
    fprom = make(database_url, on_outcome=lambda _, receipt: told.append(receipt))
    fprom.track_signup(VISITOR, "canary@example.com", uid="1234567890")
    api.says = 404
    counts: Counter[str] = Counter()
    while fprom.stats().pending:
        now_or_later(fprom, clock)
        counts.update(fprom.drain())

    assert [call.at - START for call in api.seen] == [0, 10, 60, 300, 900]
    assert counts == Counter(failed=4, rejected=1)
    assert [(receipt.status, receipt.reason) for receipt in told] == [
        ("rejected", "unknown_visitor")
    ]
    assert rows(fprom)[0]["reason"] == "unknown_visitor"
    assert "rejected a sign-up (unknown_visitor): Lead(email=c***@example.com" in caplog.text
    assert "canary" not in caplog.text


def test_an_unknown_visitor_may_become_known(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """The browser's click arrived in the meantime."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = 404
    fprom.drain()
    api.says = 200
    clock.later(10)

    assert fprom.drain()["sent"] == 1


# Pauses


@pytest.mark.slow
@pytest.mark.parametrize("code", [401, 403])
def test_refused_credentials_drop_nothing_and_are_probed_every_five_minutes(
    *,
    database_url: str,
    make: MakeFprom,
    api: Api,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    """The operator mends the key an hour later, and all leads arrive."""
    drainers = [make(database_url) for _ in range(2)]
    sign_up(drainers[0], 20)
    api.says = code
    while clock.now < START + 3600:
        for fprom in drainers:
            fprom.drain()
        clock.later(60)
    times = [call.at for call in api.seen]

    assert [later - earlier for earlier, later in pairwise(times)] == [300] * 11
    assert drainers[0].stats().pending == 20
    assert drainers[0].stats().paused_since == START
    # Once by each drainer, for all of the hour.
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert f"HTTP status {code}: check FPROM_API_KEY and FPROM_ACCOUNT_ID" in caplog.text
    assert "the next try is not before 2027-01-15T08:05:00.000Z" in caplog.text

    api.says = 200
    clock.later(3600)
    assert sum(fprom.drain()["sent"] for fprom in drainers) == 20


@pytest.mark.slow
def test_five_failures_in_a_row_over_several_drainers_pause_all_of_them(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Then one of them probes with three leads, and no other calls while it does."""
    drainers = [make(database_url) for _ in range(3)]
    sign_up(drainers[0], 30)
    api.says = 503
    for number in range(9):
        drainers[number % 3].drain(limit=1)
    assert len(api.seen) == 5
    assert drainers[1].stats().paused == "server_error"

    def probe(_: Seen) -> int:
        for other in drainers[1:]:
            assert sum(other.drain().values()) == 0
        return 503

    api.says = probe
    for expected in (8, 11, 14):
        clock.later(60)
        drainers[0].drain()
        assert len(api.seen) == expected

    api.says = 200
    clock.later(3600)
    assert sum(fprom.drain()["sent"] for fprom in drainers) == 30


@pytest.mark.parametrize(("header", "pause"), [("17", 17), ("1000000000", 3600), (None, 60)])
def test_the_pause_is_what_the_api_asks_for(
    *, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, header: str | None, pause: float
) -> None:
    """After one 429; without a Retry-After a minute."""
    fprom = make(sqlite_url)
    sign_up(fprom, 5)
    api.says = 429 if header is None else lambda _: asks(429, str(header))
    fprom.drain()
    clock.later(pause - 0.01)
    fprom.drain()
    assert len(api.seen) == 1
    api.says = 200
    clock.later(0.01)
    fprom.drain()
    assert len(api.seen) >= 5


class Killed(BaseException):
    """The process ends here."""


def test_a_prober_that_dies_frees_its_place(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """After FPROM_TIMEOUT + 2 s another one probes, with another lead."""
    prober, other = make(database_url, timeout=4), make(database_url, timeout=4)
    sign_up(prober, 3)
    api.says = 429
    prober.drain()
    clock.later(60)

    def die(_: Seen) -> int:
        raise Killed

    api.says = die
    with pytest.raises(Killed):
        prober.drain()
    api.says = 200
    clock.later(5.9)
    assert other.drain()["sent"] == 0
    clock.later(0.1)
    assert other.drain()["sent"] == 2
    clock.later(14)
    assert other.drain()["sent"] == 1


@pytest.mark.slow
def test_a_pause_by_somebody_else_stops_a_batch_that_is_under_way(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Looked for every quarter of a second; what was not sent is given back."""
    fprom, other = make(sqlite_url), make(sqlite_url)
    sign_up(fprom, 6)

    def slow(_: Seen) -> int:
        time.sleep(0.3)
        if len(api.seen) == 2:
            api.says = 429
            other.drain(limit=1)
            api.says = 200
        return 200

    api.says = slow
    assert fprom.drain()["sent"] == 2
    assert len(api.seen) == 3
    due = sorted(row["due_at"] for row in rows(fprom))
    assert due == [clock.now] * 3 + [clock.now + 60]


@pytest.mark.slow
def test_an_unpaused_batch_goes_on(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """The same look, and nobody has paused anything."""
    fprom = make(sqlite_url)
    sign_up(fprom, 3)
    api.says = slowly(0.3)

    assert fprom.drain()["sent"] == 3


# Pace


@pytest.mark.slow
def test_six_hours_of_outage(sqlite_url: str, make: MakeFprom, api: Api, clock: Clock) -> None:
    """10,000 leads, two drainers: none lost, three calls a minute, never over the limit."""
    drainers = [make(sqlite_url) for _ in range(2)]
    put = partial(put_leads, outbox_of(drainers[0]))
    waiting = list(make_leads(10_000))
    everyone = Counter(str(lead.uid) for lead in waiting)
    delivered: Counter[str] = Counter()

    def deliver(call: Seen) -> int:
        delivered[call.body["uid"]] += 1
        return 200

    put(*(waiting.pop() for _ in range(100)))
    api.says = deliver
    drainers[0].drain()
    assert sum(delivered.values()) == 100

    api.says = 503
    while waiting:
        put(*(waiting.pop() for _ in range(min(28, len(waiting)))))
        for fprom in drainers:
            fprom.drain()
        clock.later(60 if len(api.seen) % 2 else 59)
    while clock.now < START + 6 * 3600:
        clock.later(20)
        drainers[0].drain()
    probes = [call.at for call in api.seen[105:]]
    assert len(probes) <= 3 * 360
    assert min(later - first for first, later in pairwise(sorted(set(probes)))) >= 60

    api.says = deliver
    back = clock.now
    while drainers[0].stats().pending:
        now_or_later(drainers[0], clock)
        for fprom in drainers:
            fprom.drain()
        clock.later(0.5)

    assert delivered == everyone
    assert api.busiest() <= 300
    assert clock.now - back < 3 * 3600


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_several_drainers_keep_one_pace_together(
    database_url: str, make: MakeFprom, api: Api, clock: Clock, seed: int
) -> None:
    """Slow calls, drainers in the midst of each other's batches, and calls given back."""
    draw = random.Random(seed)  # noqa: S311 - repeatable
    drainers = [make(database_url, rate_limit=40) for _ in range(3)]
    put_leads(outbox_of(drainers[0]), *make_leads(400))
    inside: list[int] = []

    def answer(_: Seen) -> int:
        clock.later(draw.choice([0.01, 0.1, 0.3, 0.9]))
        if len(inside) < 2 and draw.random() < 0.15:
            inside.append(1)
            clock.later(draw.choice([0, 0, 5, 20]))
            draw.choice(drainers).drain(limit=draw.randint(1, 25))
            inside.pop()
        return draw.choice([200] * 30 + [404, 500])

    api.says = answer
    while drainers[0].stats().pending:
        now_or_later(drainers[0], clock)
        draw.choice(drainers).drain(limit=draw.choice([None, 3, 30]))
        clock.later(draw.uniform(0, 3))

    assert {call.body["uid"] for call in api.seen} == {str(number) for number in range(400)}
    assert api.busiest() <= 40
    # And it is not kept by standing still.
    assert api.busiest() > 25


def test_calls_that_come_too_late_for_their_second_are_asked_for_anew(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """A batch whose first call hung is given back: the lease and the pace have moved on."""
    fprom = make(sqlite_url, rate_limit=10)
    sign_up(fprom, 5)

    def hang_once(_: Seen) -> int:
        if len(api.seen) == 1:
            clock.later(9)
        return 200

    api.says = hang_once
    assert fprom.drain()["sent"] == 5
    assert outbox_of(fprom)._read_throttle().limiter.calls == (
        (int(START), 1),
        (int(START) + 9, 4),
    )


def test_batches_grow_with_a_fast_api_and_shrink_with_a_slow_one(
    sqlite_url: str, make: MakeFprom, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From five up to a hundred, down to one: about a quarter of a second's worth."""
    fprom = make(sqlite_url, rate_limit=10_000)
    outbox = outbox_of(fprom)
    put_leads(outbox, *make_leads(265))
    asked = []
    claim = outbox.claim

    def note(most: int) -> Batch:
        asked.append(most)
        return claim(most)

    monkeypatch.setattr(outbox, "claim", note)
    ticks = [0.0]
    monkeypatch.setattr("fprom_middleware.delivery.drain.time.monotonic", lambda: ticks[0])
    fprom.drain(limit=255)
    assert asked == [5, 10, 20, 40, 80, LARGEST_BATCH]

    def slow(_: Seen) -> int:
        ticks[0] += 0.3
        return 200

    asked.clear()
    api.says = slow
    fprom.drain()
    # The next drain of the same account begins with what the last one learned.
    assert asked == [LARGEST_BATCH, PROBES]


# How far one drain goes


def test_a_limit_is_a_number_of_calls(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """Failed ones included."""
    fprom = make(sqlite_url)
    sign_up(fprom, 9)
    assert fprom.drain(7)["sent"] == 7
    api.says = 500
    assert fprom.drain(limit=1)["failed"] == 1
    assert fprom.drain(limit=0) == {
        "sent": 0,
        "duplicate": 0,
        "skipped": 0,
        "rejected": 0,
        "failed": 0,
    }


def test_seconds_end_a_drain_between_two_calls(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """By the machine's time and by the clock's, whichever is further."""
    fprom = make(sqlite_url)
    sign_up(fprom, 9)

    def slow(_: Seen) -> int:
        clock.later(0.4)
        return 200

    api.says = slow
    assert fprom.drain(seconds=1.0)["sent"] == 3
    api.says = slowly(0.2)
    assert fprom.drain(seconds=0.1)["sent"] == 1
    assert fprom.drain(seconds=0)["sent"] == 0
    assert fprom.stats().pending == 5


def test_a_drain_of_nothing_ends_at_once(sqlite_url: str, make: MakeFprom) -> None:
    """Waiting or not."""
    fprom = make(sqlite_url)

    assert fprom.drain() == fprom.drain(wait=True) == dict.fromkeys(fprom.drain(), 0)


def test_a_paused_drain_ends_at_once_unless_told_to_wait(
    sqlite_url: str, api: Api, clock: Clock
) -> None:
    """wait=True goes on until nothing is pending, here on a clock that runs 500 times faster."""
    began = time.monotonic()

    def fast() -> float:
        return START + (time.monotonic() - began) * 500

    script: list[Any] = [404, 503, 429, httpx.ReadError("")]
    api.says = lambda _: script.pop(0) if script else 200
    fprom = Fprom(make_settings(sqlite_url), clock=fast, client=api.client)
    sign_up(fprom, 3)
    assert fprom.drain()["failed"] >= 1
    counts = fprom.drain(wait=True)

    assert counts["sent"] == 3
    assert fprom.stats().pending == 0
    fprom.close()


def test_a_waiting_drain_can_be_bounded_too(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """Here the clock stands still for ever."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = 503

    assert fprom.drain(wait=True, seconds=0.3)["failed"] == 1


def test_nothing_more_is_claimed_once_the_process_ends(
    sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """The call in flight is settled, the rest of the batch given back at once."""
    fprom = make(sqlite_url)
    sign_up(fprom, 20)

    def end(_: Seen) -> int:
        delivery_of(fprom).stopping.set()
        return 200

    api.says = end
    assert fprom.drain()["sent"] == 1
    assert fprom.stats().pending == 19
    assert {row["due_at"] for row in rows(fprom)} == {START}


def test_what_was_sent_is_settled_before_the_batch_is_over(
    sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """A crash makes a process repeat a twentieth of a second's calls, not a batch's."""
    fprom = make(sqlite_url)
    sign_up(fprom, 4)
    pending = []

    def look(_: Seen) -> int:
        pending.append(fprom.stats().pending)
        time.sleep(0.06)
        return 200

    api.says = look
    fprom.drain()
    assert pending == [4, 3, 2, 1]


def test_a_settlement_that_fails_costs_a_repetition_and_no_lead(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database went away after the call: sent again when the lease ends, answered 422."""
    told: list[str] = []
    fprom = make(sqlite_url, on_outcome=lambda _, receipt: told.append(receipt.status))
    sign_up(fprom)
    outbox = outbox_of(fprom)

    def refuse(*_: object, **__: object) -> None:
        raise OSError("away")

    with monkeypatch.context() as broken:

        def break_down(_: Seen) -> int:
            broken.setattr(outbox.database, "run", refuse)
            return 200

        api.says = break_down
        with pytest.raises(FpromOutboxError, match="OSError"):
            fprom.drain()
    assert (len(api.seen), told) == (1, [])
    api.says = 422
    clock.later(60)
    assert fprom.drain()["duplicate"] == 1
    assert told == ["duplicate"]


# Who is told


def test_a_hook_that_raises_stops_nothing(
    sqlite_url: str, make: MakeFprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the other leads are sent."""

    def hook(_lead: Lead, _receipt: Receipt) -> None:
        raise RuntimeError("canary")

    fprom = make(sqlite_url, on_outcome=hook)
    sign_up(fprom, 3)

    assert fprom.drain()["sent"] == 3
    assert "FPROM_ON_OUTCOME raised RuntimeError" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.slow
def test_every_final_outcome_is_told_once_and_no_other(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """A storm of answers over 200 leads and two drainers."""
    told: Counter[str] = Counter()
    ends: Counter[str] = Counter()

    def hook(lead: Lead, receipt: Receipt) -> None:
        told[str(lead.uid)] += 1
        ends[receipt.status] += 1

    draw = random.Random(4)  # noqa: S311 - repeatable
    api.says = lambda _: draw.choice([200, 200, 422, 400, 404, 500, 429, 302])
    drainers = [make(sqlite_url, on_outcome=hook) for _ in range(2)]
    put_leads(outbox_of(drainers[0]), *make_leads(200))
    counts: Counter[str] = Counter()
    while drainers[0].stats().pending:
        now_or_later(drainers[0], clock)
        counts.update(draw.choice(drainers).drain(limit=20))

    assert told == Counter(str(number) for number in range(200))
    assert +ends == Counter({name: n for name, n in counts.items() if name != "failed"})
    assert drainers[0].stats().rejected == ends["rejected"]


@pytest.mark.parametrize(
    ("says", "level", "words"),
    [
        (
            405,
            logging.ERROR,
            "(unexpected, HTTP status 405: check FPROM_BASE_URL)",
        ),
        (302, logging.ERROR, "(unexpected, HTTP status 302: check FPROM_BASE_URL)"),
        (503, logging.WARNING, "(server_error, HTTP status 503). Lead("),
        (429, logging.WARNING, "(rate_limited, HTTP status 429)"),
        (httpx.ReadError("canary"), logging.WARNING, "(network, ReadError). Lead("),
    ],
)
def test_what_fails_is_logged(
    *,
    sqlite_url: str,
    make: MakeFprom,
    api: Api,
    caplog: pytest.LogCaptureFixture,
    says: Any,
    level: int,
    words: str,
) -> None:
    """An answer that the document does not know is the operator's to look at."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = says
    fprom.drain()
    (record,) = caplog.records

    assert record.levelno == level
    assert words in record.getMessage()
    assert "canary" not in caplog.text


@pytest.mark.slow
def test_drains_on_several_threads_share_the_work(
    database_url: str, make: MakeFprom, api: Api
) -> None:
    """One account object, four threads, every lead sent exactly once."""
    fprom = make(database_url, rate_limit=10_000)
    put_leads(outbox_of(fprom), *make_leads(400))
    threads = [threading.Thread(target=fprom.drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fprom.drain()

    assert Counter(api.uids) == Counter(str(number) for number in range(400))


def test_the_outcome_of_a_call_is_what_the_api_module_says() -> None:
    """No text of the API's in it: a closed list of codes only."""
    assert set(Outcome.__slots__) == {
        "status",
        "reason",
        "retry_after",
        "code",
        "early",
        "error",
    }


# Bounds and limits of others


class OverTimeError(Exception):
    """A job's time limit."""


@contextmanager
def time_limit(seconds: float, error: type[BaseException] = OverTimeError) -> Iterator[None]:
    """Raise in the main thread after so many seconds, as Celery's soft time limit does."""

    def end_the_job(*_: object) -> None:
        raise error

    before = signal.signal(signal.SIGALRM, end_the_job)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.slow
@pytest.mark.parametrize("error", [OverTimeError, TimeoutError, OSError, ValueError])
@pytest.mark.parametrize("where", ["call", "hook"])
def test_a_jobs_time_limit_ends_the_drain_and_loses_nothing(
    *,
    database_url: str,
    make: MakeFprom,
    api: Api,
    clock: Clock,
    error: type[Exception],
    where: str,
) -> None:
    """What was sent is settled, what was not is due at once; the call that was cut has a lease."""

    def wait(*_: object) -> int:
        if len(api.seen) >= 3:
            time.sleep(30)
        return 200

    fprom = make(database_url, on_outcome=wait if where == "hook" else None)
    sign_up(fprom, 5)
    fprom.stats()
    if where == "call":
        api.says = wait
    with time_limit(1.0, error), pytest.raises(error):
        fprom.drain()
    sent = len(api.seen)
    due = sorted(row["due_at"] for row in rows(fprom))
    assert due == [clock.now] * (5 - sent) + [clock.now + 32.0] * (where == "call")

    api.says = 200
    clock.later(60)
    with suppress(error):
        fprom.drain()
    assert sorted(set(api.uids)) == ["0", "1", "2", "3", "4"]


def test_a_refusal_is_an_error_of_ours_without_a_lead_in_any_frame(
    sqlite_url: str, make: MakeFprom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Type and SQLSTATE: no SQL, no row, neither in its text, its causes nor its frames' locals."""
    fprom = make(sqlite_url)
    fprom.track_signup(VISITOR, "canary@example.com", uid="canary")
    outbox = outbox_of(fprom)
    run = outbox.database.run

    def refuse(*_: object, **__: object) -> None:
        def work(connection: sa.Connection) -> None:
            row = connection.execute(sa.select(leads)).mappings().one()
            connection.execute(sa.text("INSERT INTO nowhere VALUES (:row)"), {"row": str(row)})

        run(work)

    monkeypatch.setattr(outbox.database, "run", refuse)
    with pytest.raises(FpromOutboxError) as refused:
        fprom.drain()
    error: BaseException | None = refused.value

    assert str(error) == "the outbox's database refused (OperationalError)"
    assert isinstance(error, FpromOutboxError)
    assert error.sqlstate is None
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "fprom_middleware" in frame.f_code.co_filename:
                assert "canary" not in repr(frame.f_locals)
        error = error.__cause__ or error.__context__


def test_a_servers_refusal_has_its_sqlstate(postgresql_url: str, make: MakeFprom) -> None:
    """Five characters that say what it is, in a language of their own."""
    fprom = make(postgresql_url)
    sign_up(fprom)
    outbox_of(fprom).database.run(
        lambda connection: connection.exec_driver_sql(
            "ALTER TABLE fprom_outbox ADD CONSTRAINT unleased CHECK (due_at <= queued_at)"
        )
    )
    with pytest.raises(FpromOutboxError, match="CheckViolation, SQLSTATE 23514") as refused:
        fprom.drain()

    assert refused.value.sqlstate == "23514"
    assert "tid-of-a-visitor" not in str(refused.value)


# Pauses that end


def test_other_credentials_lift_a_pause_that_was_theirs_alone(
    database_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """The key is corrected: at once, with nothing to wait for; the old key stays paused."""
    wrong, right = make(database_url, api_key="wrong"), make(database_url, api_key="right")
    sign_up(wrong, 3)
    api.says = lambda call: 401 if "wrong" in call.key else 200
    assert wrong.drain()["failed"] == 1
    assert wrong.stats().paused == "unauthorized"
    assert wrong.stats().next_try_at == clock.now + 300
    assert right.stats().paused is None
    assert right.drain()["sent"] == 3
    sign_up(right)

    assert wrong.drain()["failed"] == 0
    assert wrong.stats().paused == "unauthorized"
    clock.later(300)
    assert wrong.drain()["failed"] == 1
    assert right.drain()["sent"] == 1


def test_a_refused_lead_is_due_at_once_and_no_worse_for_it(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """Twenty refusals later its back-off begins where it was."""
    fprom = make(sqlite_url)
    sign_up(fprom)
    api.says = 401
    for _ in range(20):
        fprom.drain()
        clock.later(300)
    (row,) = rows(fprom)
    assert (row["failed_count"], row["due_at"]) == (0, clock.now - 300)
    api.says = 503
    fprom.drain()

    assert rows(fprom)[0]["due_at"] <= clock.now + 2


def test_a_pause_is_ended_by_hand(sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """`resume` in any process: all goes on, and a second one finds nothing to end."""
    fprom, other = make(sqlite_url), make(sqlite_url)
    sign_up(fprom, 3)
    api.says = 401
    fprom.drain()
    api.says = 200
    assert outbox_of(other).resume(refused_only=True)
    assert not outbox_of(other).resume()

    assert fprom.drain()["sent"] == 3


@pytest.mark.parametrize("says", [503, 429, 401, 404])
@pytest.mark.parametrize("ahead", [3600.0, 86400.0, 365 * 86400.0])
def test_a_clock_that_was_ahead_holds_nothing_up_for_more_than_an_hour(
    *, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, says: int, ahead: float
) -> None:
    """Leads queued, leased, tried and paused while it was wrong; then it is right again."""
    fprom = make(sqlite_url)
    right = clock.now
    clock.later(ahead)
    sign_up(fprom, 8)
    outbox_of(fprom).claim(2)
    api.says = says
    fprom.drain()
    clock.now = right
    api.says = 200
    fprom.drain()
    while fprom.stats().pending:
        now_or_later(fprom, clock)
        fprom.drain()

    assert clock.now - right <= 3600 + 32
    assert len({call.body["uid"] for call in api.seen}) == 8


# What is logged


@pytest.mark.slow
def test_an_outage_is_one_line_and_so_is_its_end(
    sqlite_url: str, make: MakeFprom, api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Which error, which event, when next; not once for each call."""
    caplog.set_level(logging.INFO, logger="fprom_middleware.delivery")
    fprom = make(sqlite_url)
    fprom.track_signup(VISITOR, "canary@example.com")
    sign_up(fprom, 20)
    api.says = httpx.ConnectError("canary")
    for _ in range(100):
        fprom.drain()
        clock.later(60)
    api.says = 200
    clock.later(3600)
    fprom.drain()
    first, last = caplog.messages

    assert first.startswith(
        "A call to FirstPromoter failed (network, ConnectError). Lead(email=c***@"
    )
    assert "the next try is not before 2027-01-15T08:00:0" in first
    assert last == "FirstPromoter answers again."
    assert "canary" not in caplog.text
