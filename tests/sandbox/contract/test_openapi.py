"""The sandbox's own document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fprom_middleware.sandbox import Kind
from fprom_middleware.sandbox.contract.openapi import write_openapi
from fprom_middleware.sandbox.contract.schemas import ANSWERS, MESSAGE, REQUESTS
from fprom_middleware.sandbox.trouble import Special, Trouble
from tests.sandbox.test_contract import broken_calls, send, stock
from tests.support.tracking_schema import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = write_openapi("http://127.0.0.1:8750", "/api/v2/track")
TROUBLES = st.builds(
    Trouble,
    st.sampled_from(["400", "401", "404", "409", "422", "429", "500", "503", *Special]),
    next=st.none() | st.integers(1, 5),
    percent=st.integers(1, 100),
    per_minute=st.integers(1, 5),
)


def schemas(part: Any) -> Iterator[Any]:
    """Find every schema of a document."""
    if isinstance(part, dict):
        for name, inner in part.items():
            if name == "schema":
                yield inner
            yield from schemas(inner)


def test_the_calls_are_those_of_the_contract() -> None:
    """What the document says of them is what tests hold the double and the client to."""
    for kind in Kind:
        operation = DOCUMENT["paths"][f"/api/v2/track/{kind}"]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        assert content["schema"] == REQUESTS[f"/{kind}"]
        for (path, status), schema in ANSWERS.items():
            if path == f"/{kind}":
                answer = operation["responses"][str(status)]
                shown = answer.get("content", {}).get("application/json", {}).get("schema")
                assert shown == (None if status in {204, 401} else schema)


def test_every_schema_is_one() -> None:
    """A tool that reads the document can use all of it."""
    found = list(schemas(DOCUMENT))

    assert len(found) > 20
    for schema in found:
        Draft202012Validator.check_schema(schema)


@pytest.mark.slow
@given(TROUBLES, st.lists(broken_calls(), min_size=1, max_size=8))
def test_trouble_stays_within_the_document(trouble: Trouble, calls: list[tuple[Kind, Any]]) -> None:
    """Whatever is asked for and sent: an answer of the call, or the message of its default."""
    double = stock(limit=3)
    double.trouble = trouble
    for kind, call in calls:
        answer = send(double, kind, call)
        if answer.status:
            schema = ANSWERS.get((f"/{kind}", answer.status), MESSAGE)
            assert problems(schema, answer.json()) == []
        else:
            assert answer.ending in {"reset", "nothing"}
