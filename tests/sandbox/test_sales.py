"""The double takes sales as the document of the Tracking API v2 says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.calling import BLANK, NOT_FOUND, NOW, call, make_customer, make_double
from tests.support.tracking_schema import ANSWERS, problems

if TYPE_CHECKING:
    from fprom_middleware.sandbox import FirstPromoterDouble

KIM = "kim@example.com"
SALE: dict[str, Any] = {"email": KIM, "event_id": "in_1", "amount": 2000}
INVALID = {"message": "Error. Amount blank or invalid."}


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a double with one customer, Kim, who came by anna's link."""
    double = make_double(ref_ids=["bea"], promo_codes={"CLEO10": "cleo"})
    make_customer(double)
    return double


def test_a_sale_has_every_field_of_the_document(double: FirstPromoterDouble) -> None:
    """A customer's sale gets 200 with all fields, and a fifth of it is the promoter's."""
    answer = call(double, "sale", **SALE, plan="pro")

    said = answer.json()
    assert answer.status == 200
    assert problems(ANSWERS["/sale", 200], said) == []
    (commission,) = said.pop("commissions")
    assert said == {
        "id": 1,
        "etype": "sale",
        "sale_amount": 2000,
        "original_sale_amount": 2000,
        "original_sale_currency": None,
        "event_id": "in_1",
        "plan_id": "pro",
        "billing_period": None,
        "created_at": "2026-11-02T09:30:00.250Z",
        "referral": {"id": 1, "email": KIM, "uid": None},
    }
    assert (commission["amount"], commission["sale_amount"]) == (400, 2000)
    assert commission["promoter_campaign"]["promoter"]["name"] == "anna"
    assert commission["reward"]["name"] == "20 % of every sale"


def test_a_sale_keeps_every_field_of_the_call(double: FirstPromoterDouble) -> None:
    """What was sent can be asserted on, field by field."""
    call(
        double,
        "sale",
        **SALE,
        currency="EUR",
        quantity=3,
        plan="pro",
        mrr="2000",
        promo_code="CLEO10",
        tid="t",
        ref_id="bea",
        skip_email_notification=True,
    )

    (sale,) = double.sales
    assert (sale.id, sale.event_id, sale.customer, sale.promoter) == (
        1,
        "in_1",
        double.leads[0],
        "anna",
    )
    assert (sale.amount, sale.currency, sale.account_amount, sale.commission) == (
        2000,
        "EUR",
        2200,
        440,
    )
    assert (sale.quantity, sale.plan, sale.mrr, sale.promo_code) == (3, "pro", "2000", "CLEO10")
    assert (sale.tid, sale.ref_id, sale.skip_email_notification) == ("t", "bea", True)
    assert sale.received_at == NOW
    attempt = double.attempts[-1]
    assert (attempt.kind, attempt.path, attempt.event, attempt.lead) == (
        "sale",
        "/sale",
        sale,
        None,
    )


@pytest.mark.parametrize(
    "names",
    [
        {"email": KIM},
        {"uid": "u-7"},
        {"email": KIM, "uid": "u-7"},
        {"email": KIM, "uid": "another"},
        {"email": "another@example.com", "uid": "u-7"},
    ],
)
def test_a_customer_is_found_by_either_name(names: dict[str, str]) -> None:
    """E-mail or uid: one that is known is enough."""
    double = make_double()
    make_customer(double, email=KIM, uid="u-7")

    assert call(double, "sale", event_id="in_1", amount=1, **names).status == 200
    assert double.sales[0].customer == double.leads[0]
    assert len(double.leads) == 1


def test_the_email_decides_between_two_customers(double: FirstPromoterDouble) -> None:
    """An e-mail of one and a uid of another: the e-mail's."""
    make_customer(double, uid="u-8")

    call(double, "sale", **SALE, uid="u-8")

    assert double.sales[0].customer.email == KIM


@pytest.mark.parametrize(
    "change",
    [
        {"amount": None},
        {"amount": "2000"},
        {"amount": ""},
        {"amount": 20.0},
        {"amount": True},
        {"amount": 0},
        {"amount": -2000},
        {"amount": 2**63},
        {"amount": [2000]},
    ],
)
def test_an_amount_is_a_whole_number_above_zero(
    double: FirstPromoterDouble, change: dict[str, Any]
) -> None:
    """Anything else is 400 with the document's words, digits in quotes too."""
    answer = call(double, "sale", **SALE | change)

    assert (answer.status, answer.json()) == (400, INVALID)
    assert double.sales == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"email": None}, BLANK["message"]),
        ({"email": " ", "uid": ""}, BLANK["message"]),
        ({"email": 7}, BLANK["message"]),
        ({"event_id": None}, "Error. Event id blank or invalid."),
        ({"event_id": " "}, "Error. Event id blank or invalid."),
        ({"event_id": 1}, "Error. Event id blank or invalid."),
        ({"quantity": "2"}, "Error. Quantity blank or invalid."),
        ({"mrr": 2000}, "Error. Mrr blank or invalid."),
    ],
)
def test_a_malformed_sale_names_its_fault(
    double: FirstPromoterDouble, change: dict[str, Any], message: str
) -> None:
    """No name, no event id, or a value of a wrong type."""
    answer = call(double, "sale", **SALE | change)

    assert (answer.status, answer.json()) == (400, {"message": message})
    assert double.sales == ()


def test_the_amount_of_a_missing_field_is_blank(double: FirstPromoterDouble) -> None:
    """The same answer where the field is not there at all."""
    answer = call(double, "sale", email=KIM, event_id="in_1")

    assert (answer.status, answer.json()) == (400, INVALID)
    assert double.attempts[-1].note == "amount is missing or blank"


def test_an_event_id_counts_once(double: FirstPromoterDouble) -> None:
    """Its repeat is 409 whatever the rest says, and nothing is counted twice."""
    call(double, "sale", **SALE)

    answer = call(double, "sale", **SALE | {"amount": 1})

    assert answer.status == 409
    assert answer.json() == {"message": "The 'sale' event with the id 'in_1' already exists."}
    assert [sale.amount for sale in double.sales] == [2000]


def test_an_unknown_customer_is_not_found(double: FirstPromoterDouble) -> None:
    """Most sales of a shop are not by a referral: 404 with a code, and no lead is made."""
    answer = call(double, "sale", **SALE | {"email": "lee@example.com"})

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert (len(double.leads), double.sales) == (1, ())


@pytest.mark.parametrize(
    ("visitor", "promoter"),
    [
        ({"ref_id": "anna"}, "anna"),
        ({"ref_id": "bea"}, "bea"),
        ({"ref_id": "cleo"}, "cleo"),
        ({"promo_code": "CLEO10"}, "cleo"),
        ({"ref_id": "bea", "promo_code": "CLEO10"}, "bea"),
    ],
)
def test_lead_and_sale_in_one(
    double: FirstPromoterDouble, visitor: dict[str, str], promoter: str
) -> None:
    """A promoter or a coupon makes an unknown customer a lead, known from then on."""
    answer = call(double, "sale", uid="u-9", event_id="in_1", amount=1, **visitor)

    lead, sale = double.leads[1], double.sales[0]
    assert answer.status == 200
    assert answer.json()["referral"] == {"id": 2, "email": None, "uid": "u-9"}
    assert (lead.promoter, sale.promoter, sale.customer) == (promoter, promoter, lead)
    assert (lead.ip, lead.created_at) == (None, NOW)
    assert (double.attempts[-1].lead, double.attempts[-1].event) == (lead, sale)
    assert call(double, "sale", uid="u-9", event_id="in_2", amount=1).status == 200


def test_a_tid_makes_lead_and_sale(double: FirstPromoterDouble) -> None:
    """The click of the tid says whose lead it is, before any other field."""
    tid = double.click("dora").tid

    answer = call(double, "sale", uid="u-9", event_id="in_1", amount=1, tid=tid, ref_id="bea")

    assert answer.status == 200
    assert (double.leads[1].promoter, double.leads[1].tid) == ("dora", tid)


@pytest.mark.parametrize(
    "visitor",
    [
        {"tid": "never issued"},
        {"tid": "never issued", "ref_id": "bea", "promo_code": "CLEO10"},
        {"ref_id": "no-promoter"},
        {"promo_code": "cleo10"},
    ],
)
def test_an_unknown_visitor_makes_nothing(
    double: FirstPromoterDouble, visitor: dict[str, str]
) -> None:
    """404, and neither lead nor sale."""
    answer = call(double, "sale", uid="u-9", event_id="in_1", amount=1, **visitor)

    assert (answer.status, answer.json()) == (404, NOT_FOUND)
    assert (len(double.leads), double.sales) == (1, ())


def test_a_known_customer_needs_no_good_tid(double: FirstPromoterDouble) -> None:
    """The visitor is looked at for unknown customers only."""
    assert call(double, "sale", **SALE, tid="never issued").status == 200


def test_a_used_event_id_makes_no_lead(double: FirstPromoterDouble) -> None:
    """Refused is refused: the customer stays unknown."""
    call(double, "sale", **SALE)

    answer = call(double, "sale", uid="u-9", ref_id="bea", event_id="in_1", amount=1)

    assert answer.status == 409
    assert len(double.leads) == 1


@pytest.mark.parametrize(
    ("currency", "amount", "counted"),
    [
        (None, 1000, 1000),
        ("USD", 1000, 1000),
        ("usd", 1000, 1000),
        ("EUR", 1000, 1100),
        ("JPY", 1000, 700),
        ("XYZ", 1000, 1000),
    ],
)
def test_an_amount_counts_in_the_accounts_currency(
    double: FirstPromoterDouble, currency: str | None, amount: int, counted: int
) -> None:
    """The original amount and currency are answered as they were sent."""
    said = call(double, "sale", **SALE | {"amount": amount, "currency": currency}).json()

    assert said["sale_amount"] == counted
    assert (said["original_sale_amount"], said["original_sale_currency"]) == (amount, currency)
    assert double.sales[0].commission == counted // 5
    assert ("rate 1" in double.attempts[-1].note) is (currency == "XYZ")


def test_rate_and_currency_are_options() -> None:
    """An account in yen with a tenth for its promoters."""
    double = make_double(currency="jpy", commission_rate=0.1)
    make_customer(double)

    said = call(double, "sale", **SALE, currency="USD").json()

    assert double.currency == "JPY"
    assert (said["sale_amount"], said["commissions"][0]["amount"]) == (2857, 286)
    assert said["commissions"][0]["reward"]["name"] == "10 % of every sale"


@pytest.mark.parametrize(
    "options",
    [
        {"currency": " "},
        {"promo_codes": {"": "anna"}},
        {"promo_codes": {"ANNA10": " "}},
        {"commission_rate": -0.1},
        {"commission_rate": 20},
        {"commission_rate": float("nan")},
    ],
)
def test_terms_that_make_no_sense_are_refused_at_start(options: dict[str, Any]) -> None:
    """A blank text, or percents for a share."""
    with pytest.raises(ValueError, match=r"blank|share from 0 to 1"):
        make_double(**options)
