"""A sale, a refund, a cancellation: the body that the API gets, and what a repr shows of it."""

from __future__ import annotations

import dataclasses
import json
import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Cancellation, Lead, Refund, Sale
from fprom_middleware.events.event import Event, Kind
from fprom_middleware.events.fields import MAX_AMOUNT, BadFieldError
from fprom_middleware.events.kinds import EVENTS
from tests.support.tracking_schema import REQUESTS, problems

if TYPE_CHECKING:
    from fprom_middleware.events.kinds import AnyEvent

SALE = Sale(
    email="anna@example.com",
    uid="customer-CANARY-0001",
    event_id="pi_CANARY_0000000001",
    amount=1290,
    currency="eur",
    quantity=3,
    plan="plan-CANARY-yearly",
    mrr=107,
    promo_code="CANARY-SPRING-SALE",
    tid="tid-CANARY-0000-0001",
    ref_id="anna-CANARY-promoter",
    skip_email_notification=True,
)
REFUND = Refund(
    email="anna@example.com",
    uid="customer-CANARY-0001",
    event_id="re_CANARY_0000000001",
    amount=1290,
    currency="jpy",
    quantity=2,
    sale_event_id="pi_CANARY_0000000001",
    skip_email_notification=False,
)
CANCELLATION = Cancellation(email="anna@example.com", uid="customer-CANARY-0001")


def sale(**fields: Any) -> Sale:
    """Make the least of a sale, with these fields."""
    return Sale(**{"uid": "7", "event_id": "pi_1", "amount": 1290, **fields})


def refund(**fields: Any) -> Refund:
    """Make the least of a refund, with these fields."""
    return Refund(**{"uid": "7", "event_id": "re_1", "amount": 1290, **fields})


def huge(value: object) -> str | None:
    """Name a number that is too long for its own text; anything else is named by pytest."""
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else None


def refused(event: Event) -> str:
    """Return why an event cannot be sent."""
    with pytest.raises(BadFieldError) as error:
        event.checked()
    return str(error.value)


# --- The body -----------------------------------------------------------------------------


def test_a_sale_with_every_field() -> None:
    """The amount is a number, the MRR is text, and the currency is written in capitals."""
    assert SALE.checked().to_json() == {
        "email": "anna@example.com",
        "uid": "customer-CANARY-0001",
        "event_id": "pi_CANARY_0000000001",
        "amount": 1290,
        "currency": "EUR",
        "quantity": 3,
        "plan": "plan-CANARY-yearly",
        "mrr": "107",
        "promo_code": "CANARY-SPRING-SALE",
        "tid": "tid-CANARY-0000-0001",
        "ref_id": "anna-CANARY-promoter",
        "skip_email_notification": True,
    }


def test_a_refund_with_every_field() -> None:
    """Its figures are text, as the API's document has them in quotes."""
    assert REFUND.checked().to_json() == {
        "email": "anna@example.com",
        "uid": "customer-CANARY-0001",
        "event_id": "re_CANARY_0000000001",
        "amount": "1290",
        "currency": "JPY",
        "quantity": "2",
        "sale_event_id": "pi_CANARY_0000000001",
        "skip_email_notification": False,
    }


def test_a_cancellation_is_its_customer() -> None:
    """There is nothing else to say."""
    assert CANCELLATION.checked().to_json() == {
        "email": "anna@example.com",
        "uid": "customer-CANARY-0001",
    }


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (sale(), {"uid": "7", "event_id": "pi_1", "amount": 1290}),
        (sale(quantity=1), {"uid": "7", "event_id": "pi_1", "amount": 1290}),
        (sale(mrr=0), {"uid": "7", "event_id": "pi_1", "amount": 1290, "mrr": "0"}),
        (sale(plan=" ", promo_code="", tid=" "), {"uid": "7", "event_id": "pi_1", "amount": 1290}),
        (refund(), {"uid": "7", "event_id": "re_1", "amount": "1290"}),
        (refund(quantity=1, sale_event_id=""), {"uid": "7", "event_id": "re_1", "amount": "1290"}),
        (Cancellation(email="a@b.example", uid=" "), {"email": "a@b.example"}),
    ],
)
def test_a_field_without_a_value_is_absent(event: AnyEvent, body: dict[str, object]) -> None:
    """No null, no blank text, and no quantity of one, which the API takes it for by itself."""
    assert event.checked().to_json() == body


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("pi_1", "pi_1"),
        (17, "17"),
        (0, "0"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("x" * 255, "x" * 255),
        (" pi 1 ", " pi 1 "),
    ],
)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (sale, "event_id"),
        (refund, "event_id"),
        (refund, "sale_event_id"),
        (sale, "plan"),
        (sale, "uid"),
    ],
)
def test_an_id_becomes_text(make: Any, name: str, given: object, expected: str) -> None:
    """A provider's id may be a number or a UUID."""
    value = make(**{name: given}).checked().to_json()[name]
    assert value == expected
    assert type(value) is str


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_class(kind: Kind) -> None:
    """And a name in a log line."""
    assert EVENTS[kind].kind is kind
    assert kind.noun == {"signup": "sign-up"}.get(kind.value, kind.value)


# --- There and back -----------------------------------------------------------------------

LINE = st.text(st.characters(exclude_categories=["Cc"]), min_size=1, max_size=255).filter(str.strip)
MAYBE = st.none() | LINE
AMOUNT = st.integers(1, MAX_AMOUNT)
CURRENCY = st.none() | st.from_regex(r"[A-Za-z]{3}", fullmatch=True)
ITEMS = st.none() | AMOUNT
FLAG = st.none() | st.booleans()
WHOM = {"email": LINE, "uid": MAYBE}
SALES = st.builds(
    Sale,
    **WHOM,
    event_id=LINE,
    amount=AMOUNT,
    currency=CURRENCY,
    quantity=ITEMS,
    plan=MAYBE,
    mrr=st.none() | st.integers(0, MAX_AMOUNT),
    promo_code=MAYBE,
    tid=MAYBE,
    ref_id=st.none(),
    skip_email_notification=FLAG,
)
REFUNDS = st.builds(
    Refund,
    **WHOM,
    event_id=LINE,
    amount=AMOUNT,
    currency=CURRENCY,
    quantity=ITEMS,
    sale_event_id=MAYBE,
    skip_email_notification=FLAG,
)
LEADS = st.builds(
    Lead,
    **WHOM,
    tid=LINE,
    ip=st.none() | st.just("203.0.113.9"),
    created_at=st.none() | st.datetimes(),
    skip_email_notification=FLAG,
)
EVERY = st.one_of(LEADS, SALES, REFUNDS, st.builds(Cancellation, **WHOM))


@given(EVERY)
def test_a_body_makes_the_event_again(event: AnyEvent) -> None:
    """What a row holds comes back as the same event, its moment cut to milliseconds."""
    stored = json.loads(json.dumps(event.checked().to_json()))
    again = EVENTS[event.kind].from_json({**stored, "unknown": 1})

    assert type(again) is type(event)
    assert again.to_json() == stored
    if not isinstance(event, Lead):
        assert again == event.checked()


@given(EVERY)
def test_every_body_is_the_documented_one(event: AnyEvent) -> None:
    """All four kinds, as our schema of the vendor's document has them."""
    assert problems(REQUESTS[f"/{event.kind}"], event.checked().to_json()) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Sale, {}),
        (Sale, {"event_id": "1"}),
        (Sale, {"amount": 1}),
        (Sale, {"event_id": "1", "amount": "1.5"}),
        (Sale, {"event_id": "1", "amount": 1.0}),
        (Sale, {"event_id": "1", "amount": True}),
        (Sale, {"event_id": "1", "amount": -1}),
        (Sale, {"event_id": "1", "amount": 0}),
        (Sale, {"event_id": ["1"], "amount": 1}),
        (Sale, {"event_id": "1", "amount": 1, "mrr": {}}),
        (Refund, {"event_id": "1"}),
        (Refund, {"event_id": "1", "amount": "twelve"}),
        (Refund, {"event_id": "1", "amount": "9" * 20}),
        (Cancellation, {"uid": ["7"]}),
    ],
)
def test_a_body_that_is_damaged_is_no_event(kind: type[Sale], body: dict[str, Any]) -> None:
    """Whatever a row holds, one kind of exception says that it cannot be read."""
    with pytest.raises(ValueError, match=r"^\w+ (is|has|holds) "):
        kind.from_json(body)


# --- What is refused at the door ----------------------------------------------------------

WRONG = [1.5, True, b"x", ["x"], {"x": 1}, Decimal(5), object()]
NO_LINE = ["a\r\nb", "a\x00", "\x1b[31m", "a\x7f", "a\x85"]
REFUSED: list[tuple[str, object, str]] = [
    *(("event_id", value, "event_id is blank") for value in (None, "", " ", "\t\n", "\u2003")),
    *(("event_id", value, "event_id is of type") for value in WRONG),
    *(("event_id", value, "event_id holds control characters") for value in NO_LINE),
    ("event_id", "x" * 256, "event_id has 256 characters, and 255 at the most are sent"),
    ("event_id", 10**255, "event_id has 256 characters"),
    ("event_id", 10**5000, "event_id has 256 characters"),
    *(("amount", value, "amount is of type") for value in (*WRONG, "", "12.90", "-1", " 1", "٣")),
    ("amount", None, "amount is missing"),
    ("amount", 0, "amount is zero"),
    ("amount", -1, "amount is negative"),
    ("amount", -(10**5000), "amount is negative"),
    ("amount", MAX_AMOUNT + 1, "amount is longer than is sent"),
    ("amount", 10**5000, "amount is longer than is sent"),
    *(
        ("currency", value, "currency is not three letters")
        for value in (
            "",
            "EU",
            "EURO",
            "€UR",
            "EU ",
            " EUR",
            "E1R",
            "EUR\n",
            "\uff25\uff35\uff32",
            978,
            b"EUR",
        )
    ),
    *(("quantity", value, "quantity is of type") for value in (*WRONG, "two", "")),
    ("quantity", 0, "quantity is zero"),
    ("quantity", -1, "quantity is negative"),
    ("quantity", MAX_AMOUNT + 1, "quantity is longer than is sent"),
    ("skip_email_notification", "no", "skip_email_notification is of type str"),
]
REFUSED_OF_SALES: list[tuple[str, object, str]] = [
    *((name, value, f"{name} is of type") for name in ("plan", "mrr") for value in WRONG),
    *(("plan", value, "plan holds control characters") for value in NO_LINE),
    ("plan", "x" * 256, "plan has 256 characters"),
    ("mrr", -1, "mrr is negative"),
    ("mrr", MAX_AMOUNT + 1, "mrr is longer than is sent"),
    ("mrr", "1.5", "mrr is of type str"),
    ("promo_code", 5, "promo_code is of type int"),
    ("promo_code", "x" * 256, "promo_code has 256 characters"),
    ("tid", "x" * 513, "tid has 513 characters"),
    ("ref_id", b"anna", "ref_id is of type bytes"),
]


@pytest.mark.parametrize(("name", "value", "why"), REFUSED, ids=huge)
@pytest.mark.parametrize("make", [sale, refund])
def test_what_neither_takes(make: Any, name: str, value: object, why: str) -> None:
    """The text names the field, and nothing of what it holds."""
    told = refused(make(**{name: value}))
    assert told.startswith(why)
    assert len(told) < 100


@pytest.mark.parametrize(("name", "value", "why"), REFUSED_OF_SALES)
def test_what_a_sale_does_not_take(name: str, value: object, why: str) -> None:
    """The fields that a sale alone has."""
    assert refused(sale(**{name: value})).startswith(why)


def test_the_longest_that_is_taken() -> None:
    """What a signed 64-bit integer holds."""
    assert sale(amount=MAX_AMOUNT, mrr=MAX_AMOUNT, quantity=MAX_AMOUNT).checked().to_json() == {
        "uid": "7",
        "event_id": "pi_1",
        "amount": 2**63 - 1,
        "quantity": 2**63 - 1,
        "mrr": "9223372036854775807",
    }


# --- What a repr shows --------------------------------------------------------------------


def test_an_event_shows_nobody() -> None:
    """A repr has amounts and currencies for whoever looks for a fault, and no one's data."""
    assert repr(SALE) == (
        "Sale(email=a***@example.com, uid=…0001, event_id=…0001, amount=1290, currency=EUR, "
        "quantity=3, plan=…arly, mrr=107, promo_code=…SALE, tid=…0001, ref_id=…oter, "
        "skip_email_notification=True)"
    )
    assert repr(REFUND) == (
        "Refund(email=a***@example.com, uid=…0001, event_id=…0001, amount=1290, currency=JPY, "
        "quantity=2, sale_event_id=…0001, skip_email_notification=False)"
    )
    assert repr(CANCELLATION) == "Cancellation(email=a***@example.com, uid=…0001)"
    for event in (SALE, REFUND, CANCELLATION):
        assert "CANARY" not in f"{event!r} {event} {event!s}"


@pytest.mark.parametrize(
    "value", ["CANARY", b"CANARY", ["CANARY"], 10**5000, 1.5, object()], ids=huge
)
@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Sale)])
def test_a_repr_hides_what_a_hook_put_there(name: str, value: object) -> None:
    """Whatever stands in a field, its repr is short, shows nothing of it, and does not raise."""
    text = repr(sale(**{name: value}))
    assert "CANARY" not in text
    assert len(text) < 200


@pytest.mark.parametrize("value", ["CANARY", 5, object()])
def test_a_moment_that_is_none_is_hidden(value: Any) -> None:
    """A hook may put anything there."""
    assert repr(Lead(created_at=value)) == "Lead(created_at=…)"


def test_a_half_made_event_has_a_repr() -> None:
    """As a debugger may meet it in a constructor that fails."""
    assert repr(Sale.__new__(Sale)) == "Sale()"
    with pytest.raises(TypeError, match="event_id"):
        Sale(uid="7", amount=1)  # type: ignore[call-arg]


def test_nothing_of_it_is_logged_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    """Reading a body says nothing."""
    caplog.set_level(logging.DEBUG)
    Sale.from_json(SALE.checked().to_json())
    assert not caplog.records
