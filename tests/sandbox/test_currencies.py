"""Amounts in minor units, their made-up worth, and how a page shows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.sandbox.currencies import WORTH, convert, format_amount


@pytest.mark.parametrize(
    ("amount", "currency", "into", "converted"),
    [
        (1000, "USD", "USD", 1000),
        (1000, "XYZ", "xyz", 1000),
        (1000, "EUR", "USD", 1100),
        (1000, " eur ", "usd", 1100),
        (1100, "USD", "EUR", 1000),
        (1000, "JPY", "USD", 700),
        (700, "USD", "JPY", 1000),
        (1000, "JPY", "KRW", 8750),
        (1, "KRW", "USD", 0),
        (7, "KRW", "USD", 1),
        (1000, "XYZ", "USD", None),
        (1000, "USD", "XYZ", None),
    ],
)
def test_minor_units_are_converted(
    amount: int, currency: str, into: str, converted: int | None
) -> None:
    """Yen and won have none; what the table lacks has no worth."""
    assert convert(amount, currency, into) == converted


@given(st.integers(0, 2**63 - 1), st.sampled_from(sorted(WORTH)), st.sampled_from(sorted(WORTH)))
def test_a_larger_amount_is_worth_no_less(amount: int, currency: str, into: str) -> None:
    """Whole numbers to the largest, without a float's steps."""
    one, next_one = convert(amount, currency, into), convert(amount + 1, currency, into)

    assert one is not None
    assert next_one is not None
    assert 0 <= one <= next_one


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (1290, "USD", "12.90 USD"),
        (5, "eur", "0.05 EUR"),
        (0, "USD", "0.00 USD"),
        (-5, "USD", "-0.05 USD"),
        (-1290, "XYZ", "-12.90 XYZ"),
        (1290, "JPY", "1290 JPY"),
        (-1290, "JPY", "-1290 JPY"),
    ],
)
def test_an_amount_is_shown_in_units(amount: int, currency: str, shown: str) -> None:
    """With a decimal point where the currency has minor units."""
    assert format_amount(amount, currency) == shown
