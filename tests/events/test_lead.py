"""A lead, its JSON body, and what became of it."""

from __future__ import annotations

import dataclasses
import json
import pickle
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware import Lead, Receipt, Status
from fprom_middleware.addresses import parse_address
from fprom_middleware.events.receipt import Reason
from fprom_middleware.timestamps import as_utc, format_moment

MOMENT = datetime(2025, 4, 25, 9, 29, 51, 973_412, UTC)
FULL = Lead(
    email="anna@example.com",
    uid="u-1",
    tid="f3a1b2c4-1111-4222-8333-abcdefab1234",
    ref_id="anna-the-promoter",
    ip="93.184.216.34",
    created_at=MOMENT,
    skip_email_notification=True,
)


def test_a_full_body() -> None:
    """Every field of the API document is there under its own name."""
    assert FULL.to_json() == {
        "email": "anna@example.com",
        "uid": "u-1",
        "tid": "f3a1b2c4-1111-4222-8333-abcdefab1234",
        "ref_id": "anna-the-promoter",
        "ip": "93.184.216.34",
        "created_at": "2025-04-25T09:29:51.973Z",
        "skip_email_notification": True,
    }


@pytest.mark.parametrize(
    ("lead", "body"),
    [
        (Lead(), {}),
        (Lead(email="a@b.example"), {"email": "a@b.example"}),
        (Lead(uid="1", tid="t"), {"uid": "1", "tid": "t"}),
        (Lead(skip_email_notification=False), {"skip_email_notification": False}),
    ],
)
def test_a_field_without_a_value_is_absent(lead: Lead, body: dict[str, object]) -> None:
    """Absent means absent: no null, while False is a value."""
    assert lead.to_json() == body


SENDABLE = st.text(st.characters(exclude_categories=["Cc"]), max_size=255).filter(str.strip)
TEXT = st.none() | SENDABLE


@given(
    st.builds(
        Lead,
        email=TEXT,
        uid=TEXT,
        tid=TEXT,
        ref_id=TEXT,
        ip=st.none() | st.ip_addresses().map(str).map(parse_address).filter(bool).map(str),
        created_at=st.none() | st.datetimes(timezones=st.just(UTC)),
        skip_email_notification=st.none() | st.booleans(),
    )
)
def test_a_body_makes_the_lead_again(lead: Lead) -> None:
    """What is stored as JSON comes back equal, its moment cut to milliseconds."""
    stored = json.loads(json.dumps(lead.to_json()))
    again = Lead.from_json({**stored, "unknown": 1})

    moment = lead.created_at
    if moment is not None:
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert again == dataclasses.replace(lead, created_at=moment)
    assert again.to_json() == stored


@pytest.mark.parametrize(
    "body",
    [
        {"created_at": 12345},
        {"created_at": "yesterday"},
        {"email": {"a": 1}},
        {"tid": ["t"]},
        {"ip": "nowhere"},
        {"skip_email_notification": "no"},
        {"uid": "x" * 256},
    ],
)
def test_a_body_that_is_damaged_is_no_lead(body: dict[str, Any]) -> None:
    """Whatever a row of the table holds, one kind of exception says that it is unreadable."""
    with pytest.raises(ValueError, match=r".+"):
        Lead.from_json({"tid": "t", **body})


def test_a_lead_shows_nobody() -> None:
    """A repr names the fields that are set and hides who it is."""
    assert repr(FULL) == (
        "Lead(email=a***@example.com, uid=…, tid=…1234, ref_id=…oter, ip=IPv4, "
        "created_at=2025-04-25T09:29:51.973Z, skip_email_notification=True)"
    )
    assert repr(Lead()) == "Lead()"
    assert repr(Lead(email="nobody")) == "Lead(email=***)"


def test_a_receipt_shows_nobody() -> None:
    """A receipt's repr holds the lead's, not its values."""
    text = repr(Receipt(Status.SENT, event=FULL))

    for value in (FULL.email, FULL.uid, FULL.tid, FULL.ref_id, FULL.ip):
        assert str(value) not in text
    assert "durable=False" in text


def test_a_receipt_is_frozen() -> None:
    """A receipt says what happened, and nobody rewrites it."""
    receipt = Receipt(Status.QUEUED, durable=True)

    assert (receipt.status, receipt.reason, receipt.durable, receipt.lead) == (
        "queued",
        None,
        True,
        None,
    )
    assert pickle.loads(pickle.dumps(receipt)) == receipt  # noqa: S301 - our own bytes
    with pytest.raises(dataclasses.FrozenInstanceError):
        receipt.durable = False  # type: ignore[misc]


def test_statuses_and_reasons_are_closed_lists() -> None:
    """Both are plain texts out of the lists that the documentation gives."""
    assert " ".join(Status) == "queued sent duplicate skipped rejected failed"
    assert " ".join(Reason) == (
        "organic no_consent disabled dropped unidentified zero_amount not_referred database "
        "bad_request unknown_visitor unauthorized rate_limited server_error network local "
        "unreadable expired unexpected"
    )
    assert json.dumps([Status.SENT, Reason.ORGANIC]) == '["sent", "organic"]'


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (MOMENT, "2025-04-25T09:29:51.973Z"),
        (datetime(2025, 4, 25, 9, 29, 51), "2025-04-25T09:29:51.000Z"),  # noqa: DTZ001 - naive on purpose
        (
            datetime(2025, 4, 25, 11, 29, tzinfo=timezone(timedelta(hours=2))),
            "2025-04-25T09:29:00.000Z",
        ),
        (
            datetime(2024, 12, 31, 20, 0, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
            "2025-01-01T01:30:00.000Z",
        ),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_moment_is_written_in_utc(moment: datetime, expected: str) -> None:
    """ISO 8601 in UTC with milliseconds, a naive datetime taken as UTC."""
    assert format_moment(moment) == expected
    assert as_utc(moment).utcoffset() == timedelta(0)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the platform has one time zone a process")
def test_a_naive_moment_is_utc_wherever_the_server_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A naive datetime is what databases hand out: UTC, not the machine's own zone."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "TST-9")
        time.tzset()
        written = format_moment(datetime(2025, 4, 25, 9, 29, 51))  # noqa: DTZ001 - naive on purpose
    time.tzset()

    assert written == "2025-04-25T09:29:51.000Z"
