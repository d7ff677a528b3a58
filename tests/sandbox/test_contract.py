"""Whatever is sent, each answer of the double is one of the schema."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.sandbox import Answer, FirstPromoterDouble, Kind
from tests.sandbox.calling import HEADERS, make_double
from tests.support.tracking_schema import ANSWERS, REQUESTS, problems

if TYPE_CHECKING:
    from fprom_middleware.sandbox.received import Received

ISSUED = "a tid that was issued"
NAMES = st.sampled_from(["one", "two"])
FIGURES = st.one_of(st.integers(1, 10**6), st.integers(1, 2**63 - 1))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "created_at": st.just("2026-11-02T09:30:00Z"),
    "skip_email_notification": st.booleans(),
    "amount": FIGURES,
    "quantity": FIGURES,
    "mrr": FIGURES.map(str),
    "currency": st.sampled_from(["USD", "EUR", "JPY", "xyz"]),
    "tid": st.sampled_from([ISSUED, ISSUED, "another"]),
    "ref_id": st.sampled_from(["anna", "anna", "another"]),
    "promo_code": st.sampled_from(["ANNA10", "another"]),
}
IN_QUOTES = {(Kind.REFUND, "amount"), (Kind.REFUND, "quantity")}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def field(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    """Return what a field of a valid call may hold."""
    values = VALUES.get(name, NAMES)
    return values.map(str) if (kind, name) in IN_QUOTES else values


@st.composite
def valid_calls(draw: st.DrawFn) -> tuple[Kind, dict[str, Any]]:
    """Draw a call with some of its fields, the necessary ones among them."""
    kind = draw(st.sampled_from(Kind))
    schema = REQUESTS[f"/{kind}"]
    needed = {*schema["required"], draw(st.sampled_from(["email", "uid"]))}
    if kind is Kind.SIGNUP:
        needed.add(draw(st.sampled_from(["tid", "ref_id"])))
    fields = {name: field(kind, name) for name in schema["properties"]}
    return kind, draw(
        st.fixed_dictionaries(
            {name: fields[name] for name in sorted(needed)},
            optional={name: values for name, values in fields.items() if name not in needed},
        )
    )


@st.composite
def broken_calls(draw: st.DrawFn) -> tuple[Kind, Any]:
    """Draw a call with anything in its fields, or something that is no call."""
    kind, call = draw(valid_calls())
    names = st.sampled_from(sorted(REQUESTS[f"/{kind}"]["properties"]))
    odd = draw(st.dictionaries(names, JSON, max_size=2))
    return kind, draw(st.sampled_from([call | odd, call | odd, odd, list(odd)]))


def stock(**options: Any) -> FirstPromoterDouble:
    """Make a double that knows a visitor, a promoter, and her coupon."""
    double = make_double(ref_ids=["anna"], promo_codes={"ANNA10": "anna"}, **options)
    double.click("anna")
    return double


def send(double: FirstPromoterDouble, kind: Kind, call: Any) -> Answer:
    """Make a call, with the visitor's tid in its place."""
    body = json.dumps(call).replace(json.dumps(ISSUED), json.dumps(double.clicks[0].tid))
    return double.call(kind, HEADERS, body.encode())


def check(kind: Kind, answer: Answer) -> None:
    """Hold an answer to the schema, whose statuses are all there are."""
    assert problems(ANSWERS[f"/{kind}", answer.status], answer.json()) == []


@pytest.mark.slow
@given(st.lists(valid_calls(), min_size=1, max_size=12))
def test_valid_calls_are_answered_as_the_schema_says(calls: list[tuple[Kind, Any]]) -> None:
    """No valid call is a bad request, in whatever order they come."""
    double = stock(limit=3)
    for kind, call in calls:
        assert problems(REQUESTS[f"/{kind}"], call) == []
        answer = send(double, kind, call)
        check(kind, answer)
        assert answer.status != 400


@pytest.mark.slow
@given(st.lists(broken_calls(), min_size=1, max_size=12))
def test_broken_calls_are_answered_as_the_schema_says(calls: list[tuple[Kind, Any]]) -> None:
    """Values of any type where a text or a number should be raise nothing."""
    double = stock(limit=3)
    for kind, call in calls:
        check(kind, send(double, kind, call))


@given(st.sampled_from(Kind), st.binary())
def test_any_bytes_are_answered_as_the_schema_says(kind: Kind, body: bytes) -> None:
    """A body that is no JSON is a bad request."""
    check(kind, stock().call(kind, HEADERS, body))


@pytest.mark.slow
@given(st.lists(valid_calls(), max_size=12))
def test_the_books_hold_what_was_accepted(calls: list[tuple[Kind, Any]]) -> None:
    """Each 200 is one record of its kind, and each event's customer is a lead that is kept."""
    double = stock()
    accepted: list[tuple[Kind, int]] = []
    for kind, call in calls:
        answer = send(double, kind, call)
        if answer.status == 200:
            accepted.append((kind, answer.json()["id"]))

    events: list[Received] = [*double.sales, *double.refunds, *double.cancellations]
    kept = [(event.kind, event.id) for event in events]
    assert sorted(kept) == sorted(one for one in accepted if one[0] is not Kind.SIGNUP)
    assert {event.customer for event in events} <= set(double.leads)
    assert len(double.attempts) == len(calls)
