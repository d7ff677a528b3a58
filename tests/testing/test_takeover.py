"""While a test runs, what any account of the process hands in is kept, and no call leaves."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from fprom_middleware import Fprom, Receipt, Status, TrackingContext
from fprom_middleware.api.client import TrackingApi
from fprom_middleware.cli.test_lead import send_test_lead
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.delivery.inline import InlineDelivery
from fprom_middleware.delivery.memory import MemoryDelivery
from fprom_middleware.outbox.stats import no_counts
from fprom_middleware.testing import FpromMock, mock_fprom
from tests.support.accounts import make_settings
from tests.support.api import Api
from tests.support.clock import Clock
from tests.support.visits import visit_by_wsgi
from tests.support.waiting import eventually
from tests.testing.accounts import make_fprom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware.delivery.base import Delivery
    from tests.support.api import LoopbackApi, Seen

VISITOR = TrackingContext("tid-of-a-visitor")
DELIVERIES = {"outbox": OutboxDelivery, "inline": InlineDelivery, "memory": MemoryDelivery}


class Accounts:
    """Accounts that would reach an API, and that API."""

    def __init__(self, loopback: LoopbackApi, outbox_url: str) -> None:
        self.loopback = loopback
        self._outbox_url = outbox_url
        self._made: list[Fprom] = []

    def make(self, delivery: str = "outbox", **more: Any) -> Fprom:
        """Make one."""
        urls = {"base_url": self.loopback.url, "outbox_url": self._outbox_url}
        self._made.append(Fprom(make_settings(**urls, delivery=delivery, **more)))
        return self._made[-1]

    def close(self) -> None:
        """Close them all."""
        for fprom in self._made:
            fprom.close()


@pytest.fixture
def accounts(loopback: LoopbackApi, sqlite_url: str) -> Iterator[Accounts]:
    """Accounts, closed at the test's end."""
    accounts = Accounts(loopback, sqlite_url)
    yield accounts
    accounts.close()


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_accounts_made_before_and_after_are_taken_over_and_given_back(
    delivery: str, accounts: Accounts
) -> None:
    """Whatever their delivery: they answer as with memory, and afterwards as before."""
    before = accounts.make(delivery)
    with mock_fprom() as fprom:
        after = accounts.make(delivery)
        for account in (before, after):
            receipt = account.track_signup(VISITOR, uid=1)
            assert receipt == Receipt(Status.QUEUED, durable=True, event=receipt.event)
            account.close()
        assert len(fprom.leads) == 2
        assert accounts.loopback.leads == []

    for account in (before, after):
        assert type(account.delivery) is DELIVERIES[delivery]
        account.track_signup(VISITOR, uid=2)
        account.drain()
    assert [lead.uid for lead in fprom.leads] == ["1", "1"]
    expected = [] if delivery == "memory" else ["2", "2"]
    assert eventually(lambda: accounts.loopback.uids == expected)


def test_what_a_memory_delivery_holds_is_given_back(accounts: Accounts) -> None:
    """A test without the kit may have been looking at it."""
    account = accounts.make("memory")
    delivery: Any = account.delivery
    account.track_signup(VISITOR, uid=1)
    with mock_fprom():
        account.track_signup(VISITOR, uid=2)
    assert account.delivery == delivery
    assert [lead.uid for lead in delivery.events] == ["1"]


def test_what_waits_in_an_outbox_is_not_sent_meanwhile(accounts: Accounts) -> None:
    """A thread that an earlier test has left is stopped, also one whose account is gone."""
    accounts.loopback.says = 500
    kept, gone = accounts.make(), Fprom(accounts.make().settings)
    for account in (kept, gone):
        account.start_worker()
        account.track_signup(VISITOR, uid=1)
    del account, gone
    assert eventually(lambda: len(accounts.loopback.seen) >= 1)
    with mock_fprom() as fprom:
        kept.start_worker()
        names = {thread.name for thread in threading.enumerate() if thread.is_alive()}
        assert "fprom-drain" not in names
        fprom.assert_no_events()
    assert kept.stats().pending == 2


def test_an_account_that_is_gone_sends_nothing_more(accounts: Accounts) -> None:
    """Its thread may be in the middle of a call; it has no other."""
    gone = Fprom(accounts.make().settings)
    delivery: Any = gone.delivery

    def answer(_: Seen) -> int:
        return 200 if eventually(delivery.stopping.is_set, within=10) else 500

    accounts.loopback.says = answer
    for number in range(3):
        gone.track_signup(VISITOR, uid=number)
    assert eventually(lambda: accounts.loopback.uids)
    del gone
    with mock_fprom():
        assert accounts.loopback.uids == ["0"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("session", [None, object()])
def test_async_verbs_and_sessions_are_taken(
    session: object, backend: str, fprom: FpromMock, accounts: Accounts
) -> None:
    """A session is not asked whether it commits."""
    account = accounts.make()

    async def register() -> Receipt:
        return await account.track_signup_async(VISITOR, uid=1, session=session)

    assert anyio.run(register, backend=backend).durable
    assert account.track_signup(VISITOR, uid=2, session=session).durable
    assert [lead.uid for lead in fprom.leads] == ["1", "2"]


def test_each_kind_is_kept(fprom: FpromMock, accounts: Accounts) -> None:
    """In the order in which they were handed in, whichever account it was."""
    one, other = accounts.make(), accounts.make("inline", account_id="another")
    one.track_signup(VISITOR, "a@b.example")
    other.track_sale(uid=7, event_id="s", amount=1290)
    one.track_refund(uid=7, event_id="r", amount=290)
    other.track_cancellation(uid=7)
    assert [event.kind for event in fprom.events] == ["signup", "sale", "refund", "cancellation"]
    found = (fprom.leads, fprom.sales, fprom.refunds, fprom.cancellations)
    assert [one for (one,) in found] == fprom.events


def test_a_request_starts_no_thread(fprom: FpromMock, accounts: Accounts) -> None:
    """It is told each time that nothing is missing."""
    account = accounts.make()
    for _ in range(2):
        visit_by_wsgi(account)
        assert not account.needs_start
    fprom.assert_no_events()


def test_no_mode_is_warned_about(fprom: FpromMock, caplog: pytest.LogCaptureFixture) -> None:
    """The word of caution is for tests that do without; they get it afterwards."""
    account = make_fprom(base_url="https://firstpromoter.invalid")
    account.track_signup(VISITOR, uid=1)
    fprom.assert_lead(uid=1)
    assert caplog.records == []


def test_a_call_past_the_delivery_is_not_let_out_either(
    fprom: FpromMock, accounts: Accounts
) -> None:
    """`fprom check --send` makes one."""
    fprom.fail_next(401)
    account = accounts.make()
    assert send_test_lead(account, "a@b.example", "t").code == 401
    assert send_test_lead(account, "a@b.example", "t").status is Status.SENT
    assert accounts.loopback.seen == []


def test_a_client_that_was_handed_in_is_not_used(fprom: FpromMock) -> None:
    """It may lead anywhere."""
    api = Api()
    account = Fprom(make_settings(delivery="inline"), client=api.client)
    account.track_signup(VISITOR, uid=1)
    fprom.drain()
    assert api.seen == []


def test_the_network_is_given_back() -> None:
    """After a test that fails as well."""
    send = TrackingApi.send
    with suppress(KeyError), mock_fprom():
        assert TrackingApi.send is not send
        raise KeyError
    assert TrackingApi.send is send


def test_blocks_may_be_nested(accounts: Accounts) -> None:
    """A class's and a test's: the inner one takes what is handed in within it."""
    account = accounts.make()
    with mock_fprom() as outer:
        account.track_signup(VISITOR, uid=1)
        with mock_fprom() as inner:
            account.track_signup(VISITOR, uid=2)
        account.track_signup(VISITOR, uid=3)
    assert [lead.uid for lead in outer.leads] == ["1", "3"]
    assert [lead.uid for lead in inner.leads] == ["2"]
    assert isinstance(account.delivery, OutboxDelivery)


def test_a_forked_child_sends_nothing_either(fprom: FpromMock, accounts: Accounts) -> None:
    """What it hands in is kept in the child, and ends with it."""
    account = accounts.make()
    account.track_signup(VISITOR, uid=1)
    child = os.fork()
    if not child:
        try:
            account.track_signup(VISITOR, uid=2)
            # Its copy of what was handed in before, and its own.
            os._exit(len(fprom.leads))
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 2
    assert len(fprom.leads) == 1
    assert accounts.loopback.seen == []


def test_figures_are_those_of_the_account(fprom: FpromMock) -> None:
    """As a health endpoint asks for them."""
    clock = Clock()
    one, other = make_fprom(clock), make_fprom(clock, account_id="another")
    assert (one.stats().pending, one.stats().oldest_age) == (0, None)
    one.track_signup(VISITOR, uid=1)
    clock.later(5)
    one.track_signup(VISITOR, uid=2)
    assert (one.stats().pending, one.stats().oldest_age) == (2, 5.0)
    assert other.stats().pending == 0

    fprom.fail_next(400)
    assert other.drain() == no_counts()
    assert one.drain(limit=1)["rejected"] == 1
    assert (one.stats().pending, one.stats().rejected) == (1, 1)
    assert fprom.drain()["sent"] == 1
    assert dict(one.stats())["pending"] == 0


def test_closing_an_account_loses_nothing(fprom: FpromMock, accounts: Accounts) -> None:
    """An app's shutdown comes before a test's last look."""
    account = accounts.make()
    account.track_signup(VISITOR, uid=1)
    deliveries: list[Delivery] = [account.delivery]
    account.close()
    deliveries.append(account.delivery)
    assert deliveries[0] is not deliveries[1]
    fprom.assert_lead(uid=1)
    assert account.stats().pending == 1
