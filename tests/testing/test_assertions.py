"""What a test asserts of what arrived, and what a failure shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY
from uuid import UUID

import pytest

from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.testing.difference import MOST_SHOWN
from tests.support.clock import START, Clock
from tests.support.visits import visit_by_wsgi
from tests.testing.accounts import make_fprom

if TYPE_CHECKING:
    from collections.abc import Callable

    from fprom_middleware.testing import FpromMock

EMAIL = "kim@example.com"
VISITOR = TrackingContext("t-1", ip="203.0.113.7")
MOMENT = datetime.fromtimestamp(START, UTC)
UUID_OF_KIM = UUID("3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64")


@pytest.fixture
def account(fprom: FpromMock) -> Fprom:
    """An account whose events the test gets."""
    return make_fprom(Clock())


def failure(check: Callable[..., object], **fields: Any) -> str:
    """Return what a failed assertion shows."""
    with pytest.raises(AssertionError) as caught:
        check(**fields)
    return str(caught.value)


FIELDS: list[dict[str, Any]] = [
    {},
    {"email": EMAIL},
    {"email": EMAIL, "tid": "t-1", "ip": "203.0.113.7", "ref_id": None},
    {"uid": UUID_OF_KIM},
    {"uid": str(UUID_OF_KIM)},
    {"created_at": MOMENT, "skip_email_notification": True},
    {"email": ANY, "tid": ANY},
]


@pytest.mark.parametrize("fields", FIELDS)
def test_a_lead_is_found_by_what_is_said_of_it(
    fields: dict[str, Any], fprom: FpromMock, account: Fprom
) -> None:
    """Fields that are not named may be anything; an id may be what the app has."""
    account.track_signup(VISITOR, EMAIL, uid=UUID_OF_KIM, skip_email_notification=True)
    assert fprom.assert_lead(**fields) is fprom.leads[0]


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "other@example.com"},
        {"email": EMAIL.upper()},
        {"email": None},
        {"tid": None},
        {"ref_id": "anna"},
        {"uid": 7},
        {"skip_email_notification": None},
    ],
)
def test_one_field_that_differs_is_no_match(
    fields: dict[str, Any], fprom: FpromMock, account: Fprom
) -> None:
    """None is an expectation, too: that nothing was sent there."""
    account.track_signup(VISITOR, EMAIL, uid=UUID_OF_KIM, skip_email_notification=True)
    assert "(- expected, + arrived)" in failure(fprom.assert_lead, **fields)


def test_payments_are_found(fprom: FpromMock, account: Fprom) -> None:
    """Each by its own fields."""
    account.track_sale(uid=7, event_id=100, amount=1290, currency="eur", plan=3, visitor=VISITOR)
    account.track_refund(uid=7, event_id=UUID_OF_KIM, amount=290, sale_event_id=100)
    account.track_cancellation(None, EMAIL)
    sale = fprom.assert_sale(uid=7, event_id=100, amount=1290, currency="EUR", plan=3, tid="t-1")
    refund = fprom.assert_refund(event_id=UUID_OF_KIM, sale_event_id=100, amount=290, quantity=None)
    assert [sale, refund, fprom.assert_cancellation(email=EMAIL)] == fprom.events


def test_the_nearest_is_shown_first(fprom: FpromMock, account: Fprom) -> None:
    """Field by field, in full: it is the test's own data."""
    account.track_signup(TrackingContext("t-2"), "ben@example.com")
    account.track_signup(VISITOR, "Kim@example.com")
    account.track_sale(uid=7, event_id="s-1", amount=1290)
    account.track_signup(TrackingContext(), "organic@example.com")
    assert failure(fprom.assert_lead, email=EMAIL, tid="t-1", uid=None) == (
        "no lead with email='kim@example.com', tid='t-1', uid=None arrived, but 2 leads "
        """(- expected, + arrived):

  - email = 'kim@example.com'
  + email = 'Kim@example.com'
    uid = None
    tid = 't-1'
    ip = '203.0.113.7'
    created_at = datetime.datetime(2027, 1, 15, 8, 0, tzinfo=datetime.timezone.utc)

  - email = 'kim@example.com'
  + email = 'ben@example.com'
    uid = None
  - tid = 't-1'
  + tid = 't-2'
    created_at = datetime.datetime(2027, 1, 15, 8, 0, tzinfo=datetime.timezone.utc)

What else arrived, 1 event:

  sale
    uid = '7'
    event_id = 's-1'
    amount = 1290

1 sign-up was skipped, organic: no tid and no ref_id; call visit() with the client that asks."""
    )


NOT_CALLED = "No track_signup was called in this process. Did the view answer 2xx? "


def test_where_nothing_was_called_it_is_said(fprom: FpromMock, account: Fprom) -> None:
    """A view that was not reached, that does not call us, or that does not await it."""
    shown = failure(fprom.assert_lead, email=EMAIL)
    assert shown.startswith(f"no lead with email='kim@example.com' arrived\n\n{NOT_CALLED}")
    assert shown.endswith(" Is track_signup_async awaited?")
    account.track_sale(uid=7, event_id="s-1", amount=1290)
    assert f"    amount = 1290\n\n{NOT_CALLED}" in failure(fprom.assert_lead)
    assert "\n\nNo track_cancellation was called" in failure(fprom.assert_cancellation)


def test_what_was_called_is_not_said_to_be_missing(fprom: FpromMock, account: Fprom) -> None:
    """Where it was skipped, and where what was called is shown beside what was expected."""
    account.track_signup(TrackingContext(), EMAIL)
    assert "was called" not in failure(fprom.assert_lead)
    account.track_signup(VISITOR, EMAIL)
    assert "was called" not in failure(fprom.assert_lead, tid="t-2")


def test_what_failed_in_the_view_is_said(fprom: FpromMock) -> None:
    """A clock that breaks, as anything of ours may, is logged and no error of the view's."""

    def broken() -> float:
        raise OSError

    make_fprom(broken).track_signup(VISITOR, EMAIL)
    assert "1 sign-up failed, unexpected: the log says what was raised." in failure(
        fprom.assert_lead
    )


UNSENT: dict[str, tuple[dict[str, Any], str, str]] = {
    "disabled": ({"enabled": False}, EMAIL, "FPROM_ENABLED is false."),
    "no_consent": ({"consent": lambda _: False}, EMAIL, "FPROM_CONSENT said no"),
    "dropped": ({"before_send": lambda _: None}, EMAIL, "FPROM_BEFORE_SEND returned None."),
    "unidentified": ({}, " ", "email and uid were blank."),
    "bad_request": ({}, "kim\n@example.com", "the log says which."),
}


@pytest.mark.parametrize("reason", UNSENT)
def test_why_nothing_was_handed_in_is_said(reason: str, fprom: FpromMock) -> None:
    """With how often, and where to look."""
    settings, email, hint = UNSENT[reason]
    account = make_fprom(**settings)
    request = visit_by_wsgi(account, cookie="_fprom_tid=t").connection
    for _ in range(2):
        account.track_signup(request, email)
    shown = failure(fprom.assert_lead)
    end = "rejected" if reason == "bad_request" else "skipped"
    assert f"2 sign-ups were {end}, {reason}: " in shown
    assert hint in shown
    fprom.assert_no_events()


def test_each_kind_that_was_skipped_is_named(fprom: FpromMock, account: Fprom) -> None:
    """A free invoice is no sale."""
    account.track_signup(TrackingContext(), EMAIL)
    account.track_sale(uid=7, event_id="s", amount=0)
    assert failure(fprom.assert_sale, amount=0).endswith(
        "call visit() with the client that asks.\n\n"
        "1 sale was skipped, zero_amount: nothing was paid."
    )


def test_what_was_handed_in_twice_is_no_success(fprom: FpromMock, account: Fprom) -> None:
    """A view that tracks twice is a mistake to be seen."""
    for number in (1, 2):
        account.track_signup(VISITOR, EMAIL, uid=number)
    shown = failure(fprom.assert_lead, email=EMAIL)
    assert shown.startswith(
        "2 times a lead with email='kim@example.com' arrived, and one was expected:\n\n"
        "    email = 'kim@example.com'\n    uid = '1'\n"
    )
    fprom.assert_lead(email=EMAIL, uid=2)


def test_long_lists_end(fprom: FpromMock, account: Fprom) -> None:
    """A failure is to be read."""
    for number in range(MOST_SHOWN + 3):
        account.track_signup(VISITOR, uid=number)
    shown = [
        failure(fprom.assert_lead, email=EMAIL),
        failure(fprom.assert_lead, tid="t-1"),
        failure(fprom.assert_no_events),
    ]
    for text in shown:
        assert text.endswith("\n\n  and 3 more")
        assert text.count("uid = ") == MOST_SHOWN


def test_nothing_is_asserted_of_each_kind(fprom: FpromMock, account: Fprom) -> None:
    """By itself, and what arrived is shown."""
    checks = {
        fprom.assert_no_leads: "no leads were expected, and 1 lead arrived:\n\n    email = 'k",
        fprom.assert_no_sales: "no sales were expected, and 1 sale arrived:\n\n    uid = '7'",
        fprom.assert_no_refunds: "no refunds were expected, and 1 refund arrived:\n\n    uid = ",
        fprom.assert_no_cancellations: "no cancellations were expected, and 1 cancellation arr",
        fprom.assert_no_events: "no events were expected, and 4 events arrived:\n\n  lead\n    em",
    }
    for check in checks:
        check()
    account.track_signup(VISITOR, EMAIL)
    fprom.assert_no_sales()
    account.track_sale(uid=7, event_id="s", amount=5)
    account.track_refund(uid=7, event_id="r", amount=5)
    account.track_cancellation(uid=7)
    for check, text in checks.items():
        assert failure(check).startswith(text)


def test_a_field_that_there_is_not_is_the_test_s_mistake(fprom: FpromMock) -> None:
    """It would never be found."""
    check: Any = fprom.assert_lead
    with pytest.raises(TypeError, match="Lead has no field 'emial'; there are email, uid, tid"):
        check(emial=EMAIL)
