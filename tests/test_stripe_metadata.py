"""stripe_metadata: the tid for a provider that FirstPromoter is connected to, or nothing at all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import FpromNotInstalled, TrackingContext, stripe_metadata
from fprom_middleware.wsgi import FpromMiddleware

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock
    from tests.support.accounts import Account

TID = "tid-CANARY-of-the-visitor"


def environ_of(account: Account, cookies: str = f"_fprom_tid={TID}") -> dict[str, Any]:
    """Return an environ that the middleware has seen."""
    environ: dict[str, Any] = {"HTTP_COOKIE": cookies, "REMOTE_ADDR": "93.184.216.34"}
    FpromMiddleware(lambda *_: [], account.fprom)(environ, lambda *_: print)
    return environ


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        (f"_fprom_tid={TID}", {"fp_tid": TID}),
        (f"_fprom_tid={TID}; _fprom_ref=anna", {"fp_tid": TID}),
        ("_fprom_track=old", {"fp_tid": "old"}),
        ("_fprom_ref=anna", {}),
        ("", {}),
        (f"_fprom_tid={'t' * 500}", {"fp_tid": "t" * 500}),
        (f"_fprom_tid={'t' * 501}", {}),
    ],
)
def test_what_a_provider_is_told(
    account: Account,
    fprom: FpromMock,
    cookies: str,
    expected: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The tid, where there is one that the provider takes; never a checkout that fails for it."""
    environ = environ_of(account, cookies)
    assert stripe_metadata(environ) == account.fprom.stripe_metadata(environ) == expected
    assert not caplog.records
    fprom.assert_no_leads()


@pytest.mark.parametrize("tid", [TID, "", " ", None, 5, b"tid", ["tid"]])
def test_a_context_made_by_hand(account: Account, tid: Any) -> None:
    """What is no tid is not handed on."""
    expected = {"fp_tid": TID} if tid == TID else {}
    assert account.fprom.stripe_metadata(TrackingContext(tid=tid)) == expected


def test_each_call_has_a_dict_of_its_own(account: Account) -> None:
    """The app adds to it what else the provider is to keep."""
    environ = environ_of(account)
    account.fprom.stripe_metadata(environ)["order"] = "1"
    assert account.fprom.stripe_metadata(environ) == {"fp_tid": TID}


def test_without_consent(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing; and of an organic visitor nobody is asked."""
    asked: list[object] = []

    def consent(connection: object) -> bool:
        asked.append(connection)
        return len(asked) > 1

    strict = account.of(consent=consent)
    assert stripe_metadata(environ_of(strict, "")) == {}
    assert asked == []
    environ = environ_of(strict)
    assert stripe_metadata(environ) == {}
    assert [connection is environ for connection in asked] == [True]
    assert stripe_metadata(environ) == {"fp_tid": TID}
    assert not caplog.records

    assert strict.fprom.stripe_metadata(strict.fprom.get_tracking(environ)) == {}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "hand in the request" in record.getMessage()
    assert strict.fprom.stripe_metadata(TrackingContext(tid=TID)) == {"fp_tid": TID}


def test_while_disabled(account: Account) -> None:
    """A machine that sends nothing hands nothing over either, and asks nobody."""
    asked: list[object] = []
    quiet = account.of(enabled=False, consent=asked.append)
    assert stripe_metadata(environ_of(quiet)) == {}
    assert asked == []


def test_who_knows_no_account(account: Account) -> None:
    """A mistake of the program, which says what to call."""
    with pytest.raises(FpromNotInstalled, match=r"fprom\.stripe_metadata\(context\)"):
        stripe_metadata(TrackingContext(tid=TID))
    for ask in (stripe_metadata, account.fprom.stripe_metadata):
        with pytest.raises(FpromNotInstalled, match="FpromMiddleware"):
            ask({"REQUEST_METHOD": "GET"})
