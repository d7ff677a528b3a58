"""What the outbox, its drain and the log make of sales, refunds and cancellations."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fprom_middleware import Cancellation, Fprom, Reason, Receipt, Refund, Sale, Status
from fprom_middleware.events.payments import DOUBLE_COMMISSION
from fprom_middleware.outbox.retry import LONGEST_WAIT_SECONDS

if TYPE_CHECKING:
    from fprom_middleware.events.kinds import AnyEvent
    from tests.support.api import Api
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

    Told = list[tuple[AnyEvent, Receipt]]

EMAIL = "ben.CANARY@example.com"
LEAST: dict[str, dict[str, Any]] = {
    "track_sale": {"event_id": "pi_CANARY_0001", "amount": 1290},
    "track_refund": {"event_id": "re_CANARY_0001", "amount": 90},
    "track_cancellation": {},
}
KINDS: dict[str, type[AnyEvent]] = {
    "track_sale": Sale,
    "track_refund": Refund,
    "track_cancellation": Cancellation,
}
VERBS = list(LEAST)
WITH_AMOUNT = VERBS[:2]
NOT_FOUND = httpx.Response(404, json={"message": "Not found", "code": "not_found"})


@pytest.fixture
def told() -> Told:
    """What FPROM_ON_OUTCOME was told."""
    return []


@pytest.fixture
def fprom(sqlite_url: str, make: MakeFprom, told: Told) -> Fprom:
    """An account with an empty outbox."""
    return make(sqlite_url, on_outcome=lambda event, receipt: told.append((event, receipt)))


def loud(caplog: pytest.LogCaptureFixture, least: int = logging.INFO) -> list[str]:
    """Return what was said, but for the warning of the first sale."""
    found = [r.getMessage() for r in caplog.records if r.levelno >= least]
    return [text for text in found if DOUBLE_COMMISSION not in text]


@pytest.mark.parametrize("verb", VERBS)
def test_a_payment_is_queued(verb: str, fprom: Fprom, api: Api, told: Told) -> None:
    """One durable row; the drain sends it, and tells the hook how it ended."""
    receipt = getattr(fprom, verb)(None, EMAIL, **LEAST[verb])
    assert receipt == Receipt(Status.QUEUED, durable=True, event=receipt.event)
    assert (fprom.stats().pending, api.leads, told) == (1, [], [])

    assert fprom.drain()["sent"] == 1
    assert api.leads == [receipt.event.to_json()]
    assert told == [(receipt.event, Receipt(Status.SENT, durable=True, event=receipt.event))]


@pytest.mark.parametrize(
    "case", [(verb, answer) for verb in VERBS for answer in (204, NOT_FOUND)], ids=str
)
def test_an_organic_customer(
    case: tuple[str, Any], fprom: Fprom, api: Api, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    """Most are: one call, nothing kept, nothing above DEBUG, and the hook hears of it."""
    caplog.set_level(logging.DEBUG, logger="fprom_middleware")
    verb, api.says = case
    for number in range(3):
        said = {**LEAST[verb], "event_id": number} if LEAST[verb] else {}
        getattr(fprom, verb)(None, EMAIL, **said)
    assert fprom.drain()["skipped"] == 3
    assert fprom.drain()["skipped"] == 0
    assert len(api.seen) == 3
    assert {(one.status, one.reason, one.durable) for _, one in told} == {
        (Status.SKIPPED, Reason.NOT_REFERRED, True)
    }
    assert len(told) == 3
    assert (fprom.stats().pending, fprom.stats().rejected) == (0, 0)
    assert loud(caplog) == []


@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_an_id_that_is_used_twice_is_told(
    verb: str, fprom: Fprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """A 409 at an event's first call: one WARNING that says what a renewal needs."""
    api.says = 409
    getattr(fprom, verb)(None, EMAIL, **LEAST[verb])
    assert fprom.drain()["duplicate"] == 1
    (line,) = loud(caplog, logging.WARNING)
    assert f"had this {verb.removeprefix('track_')}'s event_id before its first call" in line
    assert "CANARY" not in line


@pytest.mark.parametrize("verb", WITH_AMOUNT)
def test_a_repeat_that_was_delivered_before_is_not(
    verb: str, fprom: Fprom, api: Api, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A 409 after a call whose answer was lost is what the id is for."""
    api.says = httpx.ReadTimeout("lost")
    getattr(fprom, verb)(None, EMAIL, **LEAST[verb])
    fprom.drain()
    caplog.clear()
    api.says = 409
    clock.later(LONGEST_WAIT_SECONDS)
    assert fprom.drain()["duplicate"] == 1
    assert loud(caplog, logging.WARNING) == []


def test_a_cancellation_twice_is_nothing_to_tell(
    fprom: Fprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no id that could have been used before."""
    api.says = 409
    fprom.track_cancellation(None, EMAIL)
    assert fprom.drain()["duplicate"] == 1
    assert loud(caplog, logging.WARNING) == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_payment_that_is_rejected_is_told(
    verb: str, fprom: Fprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """One WARNING by its own name, masked; the row is kept for a person to look at."""
    api.says = 400
    getattr(fprom, verb)(None, EMAIL, **LEAST[verb])
    assert fprom.drain()["rejected"] == 1
    (line,) = loud(caplog, logging.WARNING)
    kind = verb.removeprefix("track_")
    assert line.startswith(
        f"FirstPromoter rejected a {kind} (bad_request): {KINDS[verb].__name__}("
    )
    assert "CANARY" not in line
    assert fprom.stats().rejected == 1
