"""What a token may hold: no more than would be sent, and nobody without consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import TrackingContext, dump_tracking, track_signup
from tests.support.accounts import Account
from tests.support.visits import EMAIL, IP, TID

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.visits import Visit


@pytest.mark.parametrize(
    ("send_ip", "ip", "carried"),
    [
        ("public", IP, IP),
        ("public", "10.0.0.9", None),
        ("public", None, None),
        ("any", "10.0.0.9", "10.0.0.9"),
        ("truncated", IP, "203.0.113.0"),
        ("truncated", "2001:db8:1:2::3", "2001:db8:1::"),
        ("truncated", "10.0.0.9", None),
        ("never", IP, None),
    ],
)
def test_only_what_would_be_sent_is_carried(
    send_ip: str, ip: str | None, carried: str | None, fprom: FpromMock
) -> None:
    """FPROM_SEND_IP decides when the token is made, and the same address is sent later."""
    account = Account(send_ip=send_ip)
    token = account.fprom.dump_tracking(TrackingContext(TID, ip=ip))
    context = account.fprom.load_tracking(token)

    assert context.ip == carried
    track_signup(context, EMAIL)
    fprom.assert_lead(email=EMAIL, ip=carried)


def test_an_organic_visitor_is_nobody(account: Account, fprom: FpromMock, visit: Visit) -> None:
    """Without tid and ref the token does not hold an address either."""
    context = account.fprom.load_tracking(dump_tracking(visit(account.fprom).connection))

    assert (context.tid, context.ref_id, context.ip) == (None, None, None)
    assert track_signup(context, EMAIL).reason == "organic"
    fprom.assert_no_leads()
    account.clock.later(seconds=90)
    again = account.fprom.load_tracking(account.fprom.dump_tracking(context))
    assert again.captured_at == context.captured_at


def refuse(_: object) -> bool:
    """Say that this visitor does not consent."""
    return False


def fail(_: object) -> bool:
    """Break, as a hook can."""
    raise RuntimeError


@pytest.mark.parametrize("hook", [refuse, fail])
def test_without_consent_nobody_is_carried(visit: Visit, hook: Any) -> None:
    """The token is a good one, so the flow goes on; it holds an organic visitor."""
    account = Account(consent=hook)
    seen = visit(account.fprom, cookie=f"_fprom_tid={TID}")
    context = account.fprom.load_tracking(dump_tracking(seen.connection))

    assert (context.tid, context.ref_id, context.ip) == (None, None, None)
    assert context.captured_at is not None


def test_consent_is_asked_with_the_request(visit: Visit, caplog: Any) -> None:
    """The hook sees the environ or scope; a request's context alone cannot be asked about."""
    asked: list[object] = []

    def hook(connection: object) -> bool:
        asked.append(connection)
        return False

    account = Account(consent=hook)
    seen = visit(account.fprom, cookie=f"_fprom_tid={TID}")

    assert account.fprom.load_tracking(dump_tracking(seen.connection)).tid is None
    assert asked == [seen.connection]
    assert account.fprom.load_tracking(dump_tracking(seen.context)).tid is None
    assert account.fprom.track_signup(seen.context, EMAIL).reason == "no_consent"
    assert len(asked) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2
    assert "hand in the request" in caplog.text
    # Made by hand, or read from a token: asked when it was captured.
    by_hand = TrackingContext(TID)
    assert account.fprom.load_tracking(account.fprom.dump_tracking(by_hand)).tid == TID
    assert account.fprom.track_signup(by_hand, EMAIL).status == "sent"
    assert len(asked) == 1


def test_nothing_of_the_account_is_carried(account: Account) -> None:
    """No e-mail and no key: two visitors alike have the same token, whoever signs up."""
    visitor = TrackingContext(TID, "anna", IP)
    before = account.fprom.dump_tracking(visitor)
    account.fprom.track_signup(visitor, EMAIL, uid="7")
    assert account.fprom.dump_tracking(visitor) == before
