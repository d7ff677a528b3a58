"""An event as text: what can be written can be read, and what is damaged is known as such."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Lead
from fprom_middleware.events.fields import BadFieldError
from fprom_middleware.outbox.payload import PayloadError, decode, encode

TEXT = st.none() | st.text()
LEADS = st.builds(
    Lead,
    email=TEXT,
    uid=TEXT,
    tid=TEXT,
    ref_id=TEXT,
    created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    skip_email_notification=st.none() | st.booleans(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(Lead.__slots__), JSON)


class Hostile:
    """Raises whatever is done to it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("canary")

    def __str__(self) -> str:
        raise RuntimeError("canary")


VALUES: list[Any] = [
    uuid.uuid4(),
    object(),
    Hostile(),
    Decimal("1.5"),
    b"bytes",
    {"a": 1},
    ["a"],
    {1, 2},
    float("nan"),
    1 + 2j,
    Lead,
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
]


@given(lead=LEADS)
def test_what_is_written_is_read_again(lead: Lead) -> None:
    """In ASCII, and the same text once more: retries send the same bytes."""
    try:
        text = encode(lead.checked())
    except BadFieldError:
        return
    assert text.isascii()
    assert encode(decode("signup", text)) == text


@pytest.mark.parametrize(
    "field", ["email", "uid", "tid", "ref_id", "ip", "created_at", "skip_email_notification"]
)
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_a_lead_of_any_types_is_a_row_or_refused(field: str, value: Any) -> None:
    """Here, before a database is asked: the error quotes nothing."""
    given: dict[str, Any] = {"email": "kim@example.com", field: value}
    said = ""
    try:
        text = encode(Lead(**given).checked())
        said = text if encode(decode("signup", text)) == text else "canary"
    except BadFieldError as error:
        said = str(error)

    assert said
    assert "canary" not in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{",
        "null",
        "[]",
        "7",
        '"text"',
        "NaN",
        "[" * 100_000,
        '{"email": 7}',
        '{"email": ["a@example.com"]}',
        '{"uid": {"a": 1}}',
        '{"tid": true}',
        '{"created_at": 12345}',
        '{"created_at": "yesterday"}',
        '{"created_at": "0001-01-01T00:00:00+14:00"}',
        '{"skip_email_notification": "on"}',
        b"\xff\xfe",
        None,
        12,
    ],
)
def test_what_is_damaged_is_known_as_such(text: Any) -> None:
    """It ends as one error, whatever stands there."""
    with pytest.raises(PayloadError):
        decode("signup", text)


@pytest.mark.slow
@given(fields=FIELDS)
def test_any_object_can_be_sent_or_is_known_as_damaged(fields: dict[str, Any]) -> None:
    """There is no third way: what is read can be written again."""
    try:
        lead = decode("signup", json.dumps(fields))
    except PayloadError:
        return
    assert encode(lead)


@given(text=st.text() | st.binary())
def test_any_text_is_read_or_known_as_damaged(text: str | bytes) -> None:
    """Nothing else is raised."""
    try:
        decode("signup", text)
    except PayloadError:
        return


def test_a_field_of_a_later_version_is_passed_over() -> None:
    """A process of tomorrow has written it."""
    assert decode("signup", '{"uid": "5", "of_tomorrow": [1]}') == Lead(uid="5")
