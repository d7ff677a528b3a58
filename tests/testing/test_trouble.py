"""fail_next() and drain(): what becomes of an event, without a network and without waiting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from fprom_middleware import Fprom, Reason, Receipt, Status, TrackingContext
from fprom_middleware.outbox.retry import NOT_FOUND_WAITS
from fprom_middleware.outbox.stats import no_counts
from tests.testing.accounts import make_fprom

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock

VISITOR = TrackingContext("tid-of-a-visitor")


class Shop:
    """An account, and what its FPROM_ON_OUTCOME hears."""

    def __init__(self, **settings: Any) -> None:
        self.heard: list[Receipt] = []
        self.fprom = make_fprom(on_outcome=self._hear, **settings)

    def _hear(self, event: object, receipt: Receipt) -> None:
        assert receipt.event is event
        self.heard.append(receipt)


@pytest.fixture
def shop(fprom: FpromMock) -> Shop:
    """A shop whose events the test gets."""
    return Shop()


def counted(**counts: int) -> dict[str, int]:
    """Counts of a drain."""
    return no_counts() | counts


def test_what_waits_is_sent_and_heard_of(fprom: FpromMock, shop: Shop) -> None:
    """Nothing is, before it is drained; it stays to be looked at."""
    receipt = shop.fprom.track_signup(VISITOR, uid=1)
    assert shop.heard == []
    assert fprom.drain() == counted(sent=1)
    assert shop.heard == [Receipt(Status.SENT, durable=True, event=receipt.event)]
    assert fprom.drain() == counted()
    assert fprom.leads == [receipt.lead]


# What one call comes to, of a sign-up and of a sale, and what the hook hears of it.
FINAL: list[tuple[str, int, Status, Reason | None]] = [
    ("signup", 200, Status.SENT, None),
    ("signup", 422, Status.DUPLICATE, None),
    ("signup", 400, Status.REJECTED, Reason.BAD_REQUEST),
    ("sale", 204, Status.SKIPPED, Reason.NOT_REFERRED),
    ("sale", 404, Status.SKIPPED, Reason.NOT_REFERRED),
    ("sale", 409, Status.DUPLICATE, None),
]


@pytest.mark.parametrize(("kind", "code", "status", "reason"), FINAL)
def test_a_final_answer_is_heard(
    kind: str, code: int, status: Status, reason: Reason | None, fprom: FpromMock
) -> None:
    """As the real drain tells it."""
    shop = Shop()
    fprom.fail_next(code)
    if kind == "signup":
        shop.fprom.track_signup(VISITOR, uid=1)
    else:
        shop.fprom.track_sale(uid=1, event_id="s", amount=5)
    assert fprom.drain() == counted(**{status: 1})
    (receipt,) = shop.heard
    assert (receipt.status, receipt.reason, receipt.durable) == (status, reason, True)


@pytest.mark.parametrize(
    "trouble", [401, 403, 408, 429, 500, 503, 301, ConnectionError, TimeoutError("slow")]
)
def test_trouble_is_tried_again(trouble: Any, fprom: FpromMock, shop: Shop) -> None:
    """The view never sees it, the hook hears of the end only."""
    fprom.fail_next(trouble, times=2)
    assert shop.fprom.track_signup(VISITOR, uid=1).status is Status.QUEUED
    for _ in range(2):
        assert fprom.drain() == counted(failed=1)
    assert (shop.heard, shop.fprom.stats().pending) == ([], 1)
    assert fprom.drain() == counted(sent=1)
    assert [receipt.status for receipt in shop.heard] == [Status.SENT]


def test_an_unknown_visitor_is_tried_as_often_as_in_earnest(fprom: FpromMock, shop: Shop) -> None:
    """Then it is rejected; no time has to pass."""
    fprom.fail_next(404, times=len(NOT_FOUND_WAITS) + 1)
    shop.fprom.track_signup(VISITOR, uid=1)
    for _ in NOT_FOUND_WAITS:
        assert fprom.drain() == counted(failed=1)
    assert fprom.drain() == counted(rejected=1)
    assert [receipt.reason for receipt in shop.heard] == [Reason.UNKNOWN_VISITOR]


def test_waiting_goes_on_to_the_end(fprom: FpromMock, shop: Shop) -> None:
    """As the account's own drain does."""
    fprom.fail_next(500, times=3)
    for number in range(2):
        shop.fprom.track_signup(VISITOR, uid=number)
    assert shop.fprom.drain(wait=True) == counted(failed=3, sent=2)
    fprom.fail_next(404, 99)
    shop.fprom.track_signup(VISITOR, uid=3)
    assert fprom.drain(wait=True) == counted(failed=len(NOT_FOUND_WAITS), rejected=1)


def test_troubles_come_in_their_order(fprom: FpromMock, shop: Shop) -> None:
    """One after the other, then all is well."""
    fprom.fail_next(422)
    fprom.fail_next(500, times=2)
    for number in range(4):
        shop.fprom.track_signup(VISITOR, uid=number)
    assert fprom.drain() == counted(duplicate=1, failed=2, sent=1)


def test_a_customer_s_events_keep_their_order(fprom: FpromMock, shop: Shop) -> None:
    """A sale waits for a sign-up that failed, and for nobody else's."""
    shop.fprom.track_signup(VISITOR, "Kim@example.com")
    shop.fprom.track_sale(None, "kim@example.com", uid=7, event_id="s", amount=5)
    shop.fprom.track_cancellation(uid=7)
    shop.fprom.track_signup(VISITOR, "ben@example.com")
    fprom.fail_next(500)
    assert fprom.drain() == counted(failed=1, sent=1)
    assert fprom.drain() == counted(sent=3)
    kinds = [receipt.event.kind for receipt in shop.heard if receipt.event]
    assert kinds == ["signup", "signup", "sale", "cancellation"]


def test_calls_are_limited(fprom: FpromMock, shop: Shop) -> None:
    """As the real drain's are."""
    for number in range(3):
        shop.fprom.track_signup(VISITOR, uid=number)
    assert fprom.drain(0) == counted()
    assert fprom.drain(2) == counted(sent=2)
    assert shop.fprom.drain(limit=2, seconds=1.0) == counted(sent=1)


def test_what_a_hook_hands_in_is_sent_too(fprom: FpromMock) -> None:
    """In the same drain."""
    accounts: list[Fprom] = []

    def sell(event: Any, _: Receipt) -> None:
        if event.kind == "signup":
            accounts[0].track_sale(uid=event.uid, event_id="first", amount=1)

    accounts.append(make_fprom(on_outcome=sell))
    accounts[0].track_signup(VISITOR, uid=1)
    assert fprom.drain() == counted(sent=2)


def test_each_account_s_own_hook_hears(fprom: FpromMock) -> None:
    """And nothing of another account's events."""
    one, other = Shop(), Shop(account_id="another")
    one.fprom.track_signup(VISITOR, uid=1)
    other.fprom.track_signup(VISITOR, uid=2)
    assert other.fprom.drain() == counted(sent=1)
    assert (len(one.heard), len(other.heard)) == (0, 1)
    fprom.drain()
    assert len(one.heard) == 1


def test_a_hook_that_raises_is_counted(fprom: FpromMock, caplog: pytest.LogCaptureFixture) -> None:
    """As in earnest: the outcome stands, and the log says so."""

    def fail(*_: object) -> None:
        raise KeyError

    account = make_fprom(on_outcome=fail, account_id="of-this-test")
    account.track_signup(VISITOR, uid=1)
    assert fprom.drain() == counted(sent=1)
    assert account.stats().hook_errors == 1
    assert "FPROM_ON_OUTCOME raised KeyError" in caplog.text


def test_the_log_says_what_it_says_in_earnest(
    fprom: FpromMock, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A repeat at the first call is a warning, one after a failure is none."""
    caplog.set_level(logging.WARNING, "fprom_middleware.delivery.outcome_log")
    fprom.fail_next(500)
    fprom.fail_next(409, times=2)
    for number in range(2):
        shop.fprom.track_sale(uid=number, event_id="s", amount=5 + number)
    fprom.drain(wait=True)
    (line,) = [one for one in caplog.messages if "event_id before its first call" in one]
    assert line.endswith("amount=6)")


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_database_that_refuses_is_the_view_s_own_trouble(
    kind: str, fprom: FpromMock, shop: Shop
) -> None:
    """What it hands in waits in memory; within its own transaction it is not kept."""

    def register(**how: Any) -> tuple[object, ...]:
        if kind == "sync":
            receipt = shop.fprom.track_signup(VISITOR, uid=1, **how)
        else:
            receipt = anyio.run(lambda: shop.fprom.track_signup_async(VISITOR, uid=1, **how))
        return receipt.status, receipt.reason, receipt.durable

    fprom.refuse_next(times=2)
    assert register(session=object()) == (Status.FAILED, Reason.DATABASE, False)
    with pytest.raises(AssertionError, match="1 sign-up failed, database: refuse_next"):
        fprom.assert_lead()
    assert register() == (Status.QUEUED, Reason.DATABASE, False)
    assert register() == (Status.QUEUED, None, True)
    assert len(fprom.leads) == 2
    assert fprom.drain() == counted(sent=2)


@pytest.mark.parametrize("times", [0, -1])
def test_there_is_no_such_number_of_refusals(times: int, fprom: FpromMock) -> None:
    """It is said at once."""
    with pytest.raises(ValueError, match="is not a valid number"):
        fprom.refuse_next(times)


@pytest.mark.parametrize(("trouble", "times"), [(99, 1), (600, 1), (0, 1), (500, 0), (500, -1)])
def test_what_cannot_come_is_the_test_s_mistake(trouble: int, times: int, fprom: FpromMock) -> None:
    """It is said at once."""
    with pytest.raises(ValueError, match="is not a valid"):
        fprom.fail_next(trouble, times)
    assert fprom.drain() == counted()
