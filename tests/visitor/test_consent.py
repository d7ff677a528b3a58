"""Hooks that decide, and hooks that break: logged, counted, and taken as no."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.requests import HTTPConnection
from werkzeug.wrappers import Request

from fprom_middleware import FpromConfigError, FpromSettings, Lead, TrackingContext
from tests.support.accounts import Account
from tests.support.visits import EMAIL, IP, TID

if TYPE_CHECKING:
    from tests.support.visits import Visit

VENDOR = f"_fprom_tid={TID}"


def fail(*_: object) -> Any:
    """Break, with a visitor's data in the message."""
    message = f"CANARY {EMAIL} {TID} {IP}"
    raise RuntimeError(message)


@pytest.mark.parametrize(
    ("setting", "reason", "told"),
    [
        ("consent", "no_consent", "FPROM_CONSENT raised RuntimeError: taken as no consent."),
        (
            "before_send",
            "dropped",
            "FPROM_BEFORE_SEND raised RuntimeError: the sign-up is dropped.",
        ),
        ("on_outcome", None, "FPROM_ON_OUTCOME raised RuntimeError: the outcome stands."),
    ],
)
def test_a_hook_that_raises(
    visit: Visit, caplog: pytest.LogCaptureFixture, setting: str, reason: str | None, told: str
) -> None:
    """It is a no, one line in the log without anything of the visitor, and one more counted."""
    hook: dict[str, Any] = {setting: fail}
    account = Account(**hook)
    connection = visit(account.fprom, cookie=VENDOR).connection
    before = account.fprom.stats().hook_errors
    for _ in range(3):
        receipt = account.fprom.track_signup(connection, EMAIL)
        assert (receipt.status, receipt.reason) == ("skipped" if reason else "sent", reason)

    assert len(account.leads) == (0 if reason else 3)
    assert account.fprom.stats().hook_errors - before == 3
    assert dict(account.fprom.stats())["hook_errors"] == account.fprom.stats().hook_errors
    assert caplog.record_tuples == [("fprom_middleware.hooks", logging.ERROR, told)] * 3
    assert caplog.records[0].exc_info is None


def test_each_account_counts_its_own(visit: Visit) -> None:
    """Hooks of another account are not this one's."""
    sound = Account(account_id="sound")
    broken = Account(consent=fail)
    before = broken.fprom.stats().hook_errors
    broken.fprom.track_signup(visit(broken.fprom, cookie=VENDOR).connection, EMAIL)
    assert broken.fprom.stats().hook_errors == before + 1
    assert sound.fprom.stats().hook_errors == 0


def test_the_hook_gets_the_environ_or_scope_of_a_frameworks_request(visit: Visit) -> None:
    """Never the request object, even where that is a mapping, as Starlette's is."""
    asked: list[object] = []

    def hook(connection: object) -> bool:
        asked.append(connection)
        return True

    account = Account(consent=hook)
    connection = visit(account.fprom, cookie=VENDOR).connection
    request = HTTPConnection(connection) if "type" in connection else Request(connection)
    assert account.fprom.track_signup(request, EMAIL).status == "sent"
    assert account.fprom.load_tracking(account.fprom.dump_tracking(request)).tid == TID
    assert [one is connection for one in asked] == [True, True]


@pytest.mark.parametrize(
    ("answer", "sent"), [(True, True), (1, True), (False, False), (None, False), (0, False)]
)
def test_consent(visit: Visit, answer: Any, *, sent: bool) -> None:
    """Only what counts as true is a yes."""
    account = Account(consent=lambda _: answer)
    receipt = account.fprom.track_signup(visit(account.fprom, cookie=VENDOR).connection, EMAIL)
    assert (receipt.reason is None, bool(account.leads)) == (sent, sent)


def test_a_lead_can_be_changed(account: Account) -> None:
    """What before_send returns is sent, in whatever form it likes."""

    def hide(lead: Lead) -> Lead:
        return replace(lead, email=None, uid="7")

    changing = account.of(before_send=hide)
    assert changing.fprom.track_signup(TrackingContext(TID), EMAIL).status == "sent"
    assert (changing.leads[0]["uid"], "email" in changing.leads[0]) == ("7", False)


@pytest.mark.parametrize("answer", [None, "a lead", {}, True])
def test_a_lead_can_be_dropped(account: Account, answer: Any) -> None:
    """None drops it, and so does what is no lead."""
    dropping = account.of(before_send=lambda _: answer)
    receipt = dropping.fprom.track_signup(TrackingContext(TID), EMAIL)
    assert (receipt.status, receipt.reason, dropping.leads) == ("skipped", "dropped", [])


@pytest.mark.parametrize(
    ("send_ip", "ip", "sent"),
    [
        ("public", "203.0.113.77", "203.0.113.77"),
        ("public", "127.0.0.1", None),
        ("public", "fd00::1", None),
        ("any", "127.0.0.1", "127.0.0.1"),
        ("truncated", "203.0.113.77", "203.0.113.0"),
        ("truncated", "2001:db8:1:2::3", "2001:db8:1::"),
        ("never", "203.0.113.77", None),
    ],
)
def test_send_ip(account: Account, send_ip: str, ip: str, sent: str | None) -> None:
    """All four ways; before_send sees what would be sent."""
    seen: list[Lead] = []

    def look(lead: Lead) -> Lead:
        seen.append(lead)
        return lead

    sending = account.of(send_ip=send_ip, before_send=look)
    sending.fprom.track_signup(TrackingContext(TID, ip=ip), EMAIL)
    assert (sending.leads[0].get("ip"), seen[0].ip) == (sent, sent)


async def say_yes(*_: object) -> bool:
    """Answer when somebody awaits it, which nobody does."""
    return True


class SaysYes:
    """The same as an object."""

    async def __call__(self, *_: object) -> bool:
        """Answer when somebody awaits it."""
        return True


@pytest.mark.parametrize("setting", ["consent", "before_send", "on_outcome"])
@pytest.mark.parametrize("hook", [say_yes, SaysYes(), f"{__name__}.say_yes"])
def test_an_async_hook_is_refused_at_start(setting: str, hook: Any) -> None:
    """Its coroutine would count as a yes that nobody gave."""
    with pytest.raises(FpromConfigError, match=f"FPROM_{setting.upper()}: .* is async"):
        FpromSettings(enabled=False, **{setting: hook})
