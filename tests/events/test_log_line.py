"""A line for a person, and the same five fields for a program."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.events.event import Kind
from fprom_middleware.events.log_line import log_line
from fprom_middleware.events.receipt import Reason, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("tests.log_line")
FIELDS = ("kind", "status", "reason", "row_id", "request_id")


def test_a_line_about_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """Plain text in each field, the request at the line's end, and the place that logged it."""
    log_line(
        logger,
        logging.ERROR,
        "A %s failed.",
        "sale",
        kind=Kind.SALE,
        status=Status.FAILED,
        reason=Reason.NETWORK,
        row_id=7,
        trace="req-1",
    )

    (record,) = caplog.records
    values = [getattr(record, name) for name in FIELDS]
    assert record.getMessage() == "A sale failed. [request req-1]"
    assert values == ["sale", "failed", "network", 7, "req-1"]
    assert {type(value) for value in values} == {str, int}
    assert record.filename == "test_log_line.py"


def test_a_line_about_none(caplog: pytest.LogCaptureFixture) -> None:
    """It has the fields too, so that one format does for all lines."""
    log_line(logger, logging.ERROR, "100 % of it.")

    assert caplog.records[0].getMessage() == "100 % of it."
    assert [getattr(caplog.records[0], name) for name in FIELDS] == [None] * 5


@pytest.fixture
def record_factory() -> Iterator[None]:
    """An app's own, which puts its own request id on every record."""
    before = logging.getLogRecordFactory()

    def make(*args: Any, **more: Any) -> logging.LogRecord:
        record = before(*args, **more)
        record.request_id = "the app's own"
        return record

    logging.setLogRecordFactory(make)
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("record_factory")
def test_a_name_that_the_app_has_taken(caplog: pytest.LogCaptureFixture) -> None:
    """Logging refuses such a field; the line is logged all the same."""
    log_line(logger, logging.ERROR, "It failed.", kind=Kind.SALE, trace="req-1")

    assert caplog.messages == ["It failed. [request req-1]"]
    assert getattr(caplog.records[0], "request_id", None) == "the app's own"
