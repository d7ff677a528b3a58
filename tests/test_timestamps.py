"""Moments and lengths of time, as tables hold them and people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from fprom_middleware.timestamps import from_epoch, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (86_400 * 3, "3 d")],
)
def test_a_span_is_short(seconds: float, text: str) -> None:
    """One number, one unit."""
    assert span(seconds) == text


def test_a_moment_of_a_table_is_in_utc() -> None:
    """Aware, so that a page can show it in a zone of its own."""
    assert from_epoch(1_745_573_391) == datetime(2025, 4, 25, 9, 29, 51, tzinfo=UTC)


@pytest.mark.parametrize("damaged", [None, "soon", b"1", math.nan, math.inf, 1e30])
def test_what_is_no_moment_is_none(damaged: Any) -> None:
    """SQLite lets anything stand in any column."""
    assert from_epoch(damaged) is None
