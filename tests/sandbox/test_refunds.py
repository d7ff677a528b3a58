"""The double takes refunds and cancellations as the document of the Tracking API v2 says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.sandbox.objects import MADE_UP
from tests.sandbox.calling import BLANK, HEADERS, NOW, call, make_customer, make_double
from tests.support.tracking_schema import ANSWERS, problems

if TYPE_CHECKING:
    from fprom_middleware.sandbox import FirstPromoterDouble

KIM = "kim@example.com"
REFUND: dict[str, Any] = {"email": KIM, "event_id": "re_1", "amount": "1290"}
INVALID = {"message": "Error. Amount blank or invalid."}


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a double with one customer, who has bought for 2000."""
    double = make_double()
    make_customer(double)
    assert call(double, "sale", email=KIM, event_id="in_1", amount=2000, plan="pro").status == 200
    return double


def test_a_refund_takes_the_commission_back(double: FirstPromoterDouble) -> None:
    """200 with all fields, the sums below zero."""
    answer = call(double, "refund", **REFUND)

    said = answer.json()
    assert answer.status == 200
    assert problems(ANSWERS["/refund", 200], said) == []
    assert (said["id"], said["type"], said["amount_cents"]) == (1, "refund", -1290)
    reward = said["reward"]
    assert (reward["amount"], reward["conversion_amount"]) == (-258, -1290)
    assert reward["event_id"] == "re_1"
    assert reward["lead"] == said["lead"]
    lead = said["lead"]
    assert (lead["id"], lead["email"], lead["state"], lead["plan_name"]) == (
        1,
        KIM,
        "active",
        "pro",
    )
    assert said["promoter"]["default_ref_id"] == "anna"
    assert said["promoter"]["earnings_balance"] == {"cash": 400 - 258}


def test_a_refund_keeps_every_field_of_the_call(double: FirstPromoterDouble) -> None:
    """What was sent can be asserted on, the sums beside it in the account's currency."""
    call(
        double,
        "refund",
        **REFUND,
        currency="EUR",
        quantity="2",
        sale_event_id="in_1",
        skip_email_notification=True,
    )

    (refund,) = double.refunds
    assert (refund.id, refund.event_id, refund.customer, refund.promoter) == (
        1,
        "re_1",
        double.leads[0],
        "anna",
    )
    assert (refund.amount, refund.currency) == (1290, "EUR")
    assert (refund.account_amount, refund.commission) == (-1419, -284)
    assert (refund.quantity, refund.sale_event_id) == (2, "in_1")
    assert refund.skip_email_notification is True
    assert refund.received_at == NOW
    attempt = double.attempts[-1]
    assert (attempt.kind, attempt.path, attempt.event) == ("refund", "/refund", refund)
    assert attempt.note == "accepted"


@pytest.mark.parametrize("amount", ["1290", 1290, "0001290", "0" * 5000 + "1290"])
def test_a_refunds_figures_come_with_or_without_quotes(
    double: FirstPromoterDouble, amount: object
) -> None:
    """The document has them in quotes; both are taken, leading zeros too."""
    answer = call(double, "refund", **REFUND | {"amount": amount, "quantity": 2})

    assert answer.json()["amount_cents"] == -1290
    assert double.refunds[0].quantity == 2


@pytest.mark.parametrize(
    "amount",
    [
        None,
        "",
        " ",
        "0",
        0,
        -1290,
        "-1290",
        "12.90",
        "1e3",
        "²",
        "٣",
        True,
        12.0,
        "9" * 19,
        "9" * 5000,
    ],
)
def test_an_amount_is_above_zero(double: FirstPromoterDouble, amount: object) -> None:
    """A refund's amount is positive, as the sale's was; else 400."""
    answer = call(double, "refund", **REFUND | {"amount": amount})

    assert (answer.status, answer.json()) == (400, INVALID)
    assert double.refunds == ()


@pytest.mark.parametrize("kind", ["refund", "cancellation"])
def test_a_call_without_a_name_is_a_bad_request(double: FirstPromoterDouble, kind: str) -> None:
    """E-mail and uid both blank: 400 with the document's words."""
    answer = call(double, kind, **REFUND | {"email": " ", "uid": None})

    assert (answer.status, answer.json()) == (400, BLANK)
    assert (double.refunds, double.cancellations) == ((), ())


@pytest.mark.parametrize("kind", ["refund", "cancellation"])
def test_an_unknown_customer_is_no_referral(double: FirstPromoterDouble, kind: str) -> None:
    """204 without a body: there was nothing to take back."""
    answer = call(double, kind, **REFUND | {"email": "lee@example.com"})

    assert (answer.status, answer.body, answer.headers) == (204, b"", {})
    assert (double.refunds, double.cancellations) == ((), ())
    assert double.attempts[-1].note == "no lead here has this email or uid"


def test_an_event_id_counts_once_among_refunds(double: FirstPromoterDouble) -> None:
    """A refund may have its sale's id; its own repeat is 409."""
    assert call(double, "refund", **REFUND | {"event_id": "in_1"}).status == 200

    answer = call(double, "refund", **REFUND | {"event_id": "in_1"})

    assert answer.status == 409
    assert answer.json() == {"message": "The 'refund' event with the id 'in_1' already exists."}
    assert len(double.refunds) == 1


def test_a_refund_of_an_unknown_sale_is_noted(double: FirstPromoterDouble) -> None:
    """It is taken, as the document says nothing else, and the reason stands in the attempt."""
    assert call(double, "refund", **REFUND, sale_event_id="in_9").status == 200

    assert double.attempts[-1].note == "accepted; no sale here has this sale_event_id"


def test_a_cancellation_has_every_field_of_the_document(double: FirstPromoterDouble) -> None:
    """200 with neither amount nor reward; the customer is a cancelled one."""
    answer = call(double, "cancellation", email=KIM)

    said = answer.json()
    assert answer.status == 200
    assert problems(ANSWERS["/cancellation", 200], said) == []
    assert (said["id"], said["type"], said["amount_cents"], said["reward"]) == (
        1,
        "cancellation",
        None,
        None,
    )
    assert said["lead"]["state"] == "cancelled"
    assert said["lead"]["cancelled_at"] == said["lead"]["customer_since"]
    assert said["lead"]["cancelled_at"] == "2026-11-02T09:30:00.250Z"
    (cancellation,) = double.cancellations
    assert (cancellation.customer, cancellation.promoter) == (double.leads[0], "anna")
    assert cancellation.received_at == NOW
    assert double.attempts[-1].event == cancellation


def test_a_customer_may_come_back(double: FirstPromoterDouble) -> None:
    """A sale after the cancellation makes an active customer of them; a refund does not."""
    call(double, "cancellation", email=KIM)
    refunded = call(double, "refund", **REFUND).json()["lead"]
    call(double, "sale", email=KIM, event_id="in_2", amount=1, plan="basic")
    back = call(double, "refund", **REFUND | {"event_id": "re_2"}).json()["lead"]
    again = call(double, "cancellation", email=KIM)

    assert (refunded["state"], refunded["plan_name"]) == ("cancelled", "pro")
    assert (back["state"], back["cancelled_at"], back["plan_name"]) == ("active", None, "basic")
    assert again.status == 200
    assert len(double.cancellations) == 2


def test_a_lead_without_a_sale_has_only_signed_up() -> None:
    """A refund without any sale finds a lead that is no customer."""
    double = make_double()
    make_customer(double)

    lead = call(double, "refund", **REFUND).json()["lead"]

    assert (lead["state"], lead["customer_since"], lead["plan_name"]) == ("signup", None, None)


@pytest.mark.parametrize("kind", ["refund", "cancellation"])
def test_a_promoters_secrets_are_in_the_answer(double: FirstPromoterDouble, kind: str) -> None:
    """As with the real service; made up, and told by their beginning in a log that kept one."""
    promoter = call(double, kind, **REFUND).json()["promoter"]

    assert promoter["temp_password"].startswith(MADE_UP)
    assert promoter["auth_token"].startswith(MADE_UP)


@pytest.mark.parametrize("kind", ["signup", "sale", "refund", "cancellation"])
def test_every_call_needs_the_credentials(double: FirstPromoterDouble, kind: str) -> None:
    """401 without a body, before anything is read."""
    answer = double.call(kind, HEADERS | {"Account-ID": "other"}, b"no JSON")

    assert (answer.status, answer.body) == (401, b"")
    assert double.attempts[-1].kind == kind


@pytest.mark.parametrize("path", ["cancellation", "/cancellation", "/api/v2/track/cancellation"])
def test_a_call_is_named_by_kind_or_path(double: FirstPromoterDouble, path: str) -> None:
    """With or without what stands before it."""
    assert call(double, path, email=KIM).json()["type"] == "cancellation"


@pytest.mark.parametrize("path", ["", "/", "sales", "/track", "SALE"])
def test_no_other_call_exists(double: FirstPromoterDouble, path: str) -> None:
    """A misspelt one is the test's mistake, not a refused call."""
    attempts = len(double.attempts)

    with pytest.raises(ValueError, match="is not a valid Kind"):
        call(double, path, email=KIM)

    assert len(double.attempts) == attempts
