"""The schema that the double and the client are held to sees what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.tracking_schema import ANSWERS, REQUESTS, problems

VALID: dict[str, dict[str, Any]] = {
    "/signup": {
        "email": "kim@example.com",
        "uid": "u-7",
        "tid": "t",
        "ref_id": "anna",
        "ip": "203.0.113.9",
        "created_at": "2026-11-02T09:30:00.250Z",
        "skip_email_notification": True,
    },
    "/sale": {
        "email": "kim@example.com",
        "uid": "u-7",
        "event_id": "in_1",
        "amount": 1290,
        "quantity": 2,
        "plan": "pro",
        "currency": "EUR",
        "mrr": "1290",
        "promo_code": "ANNA10",
        "tid": "t",
        "ref_id": "anna",
        "skip_email_notification": False,
    },
    "/refund": {
        "email": "kim@example.com",
        "uid": "u-7",
        "event_id": "re_1",
        "amount": "1290",
        "currency": "EUR",
        "quantity": "2",
        "sale_event_id": "in_1",
        "skip_email_notification": False,
    },
    "/cancellation": {"email": "kim@example.com", "uid": "u-7"},
}


@pytest.mark.parametrize("schema", [*REQUESTS.values(), *ANSWERS.values()])
def test_the_schemas_are_schemas(schema: dict[str, Any]) -> None:
    """A misspelt keyword value would let everything through."""
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", REQUESTS)
def test_a_call_with_every_field_is_valid(path: str) -> None:
    """Each field of the document may be sent, and no other."""
    assert problems(REQUESTS[path], VALID[path]) == []
    assert set(VALID[path]) == set(REQUESTS[path]["properties"])
    assert problems(REQUESTS[path], VALID[path] | {"e_mail": "x"}) != []


@pytest.mark.parametrize("path", REQUESTS)
def test_one_name_is_enough_and_none_is_not(path: str) -> None:
    """OneOf(email, uid) is at least one."""
    call = VALID[path]
    for left_out, expected in (({"email"}, True), ({"uid"}, True), ({"email", "uid"}, False)):
        rest = {name: value for name, value in call.items() if name not in left_out}
        assert (problems(REQUESTS[path], rest) == []) is expected


@pytest.mark.parametrize(
    ("path", "name"),
    [("/sale", "event_id"), ("/sale", "amount"), ("/refund", "event_id"), ("/refund", "amount")],
)
def test_a_required_field_is_missed(path: str, name: str) -> None:
    """A sale or refund has an id and an amount."""
    rest = {key: value for key, value in VALID[path].items() if key != name}

    assert problems(REQUESTS[path], rest) == [f"$: '{name}' is a required property"]


def test_a_signup_names_a_visitor_or_a_promoter() -> None:
    """Without tid and ref_id it could only be answered with 404."""
    assert problems(REQUESTS["/signup"], {"email": "kim@example.com"}) != []
    assert problems(REQUESTS["/signup"], {"email": "kim@example.com", "ref_id": "anna"}) == []


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/signup", "email", None),
        ("/signup", "email", ""),
        ("/signup", "uid", 7),
        ("/signup", "created_at", "2026-11-02"),
        ("/signup", "skip_email_notification", "true"),
        ("/sale", "amount", "1290"),
        ("/sale", "amount", 12.0),
        ("/sale", "amount", 0),
        ("/sale", "amount", -1290),
        ("/sale", "amount", True),
        ("/sale", "quantity", "2"),
        ("/sale", "mrr", 1290),
        ("/sale", "event_id", 7),
        ("/refund", "amount", 1290),
        ("/refund", "amount", "-1290"),
        ("/refund", "amount", "12.90"),
        ("/refund", "amount", "0"),
        ("/refund", "quantity", 2),
    ],
)
def test_a_value_of_another_kind_is_a_problem(path: str, name: str, value: object) -> None:
    """Its place is named."""
    (problem,) = problems(REQUESTS[path], VALID[path] | {name: value})

    assert problem.startswith(f"$.{name}: ")


def test_answers_without_a_body_have_none() -> None:
    """401 and 204 are told from an empty object."""
    for key in (("/sale", 401), ("/refund", 204), ("/cancellation", 204)):
        assert problems(ANSWERS[key], None) == []
        assert problems(ANSWERS[key], {}) != []
