"""Amounts in minor units: by the currency's own digits, exact or refused."""

from __future__ import annotations

import time
from decimal import Context, Decimal, FloatOperation, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.events.fields import MAX_AMOUNT
from fprom_middleware.money import _DIGITS, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (Decimal("12.90"), "EUR", 1290),
        (Decimal("12.9"), "EUR", 1290),
        (Decimal("12.900000"), "EUR", 1290),
        (Decimal(12), "EUR", 1200),
        (12, "USD", 1200),
        ("12.90", "usd", 1290),
        (" 12.90 ", "EuR", 1290),
        (Decimal(13), "JPY", 13),
        (1290, "JPY", 1290),
        (Decimal("1290.00"), "JPY", 1290),
        (Decimal("12.9"), "KWD", 12900),
        (Decimal("0.001"), "KWD", 1),
        (Decimal("1.2345"), "CLF", 12345),
        (Decimal("0.0001"), "UYW", 1),
        (Decimal("0.01"), "EUR", 1),
        (Decimal(0), "EUR", 0),
        (Decimal("-0.00"), "EUR", 0),
        (Decimal("0E+400"), "EUR", 0),
        (Decimal("0E-400"), "EUR", 0),
        (Decimal("0E+999999999"), "EUR", 0),
        (Decimal("-12.90"), "EUR", -1290),
        (-5, "JPY", -5),
        (Decimal("1E+3"), "EUR", 100_000),
        (Decimal("1.29E+1"), "EUR", 1290),
        (Decimal("1E+3"), "JPY", 1000),
        ("1e2", "JPY", 100),
        (MAX_AMOUNT, "JPY", MAX_AMOUNT),
        (Decimal(MAX_AMOUNT).scaleb(-2, Context(prec=50)), "EUR", MAX_AMOUNT),
    ],
)
def test_minor_units(amount: Decimal | int | str, currency: str, expected: int) -> None:
    """By the standard's digits, whatever the amount is written with."""
    units = minor_units(amount, currency)
    assert units == expected
    assert type(units) is int


@pytest.mark.parametrize(
    ("digits", "count", "some"),
    [
        (0, 17, ["BIF", "CLP", "DJF", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"]),
        (2, 140, ["AUD", "BRL", "CHF", "EUR", "GBP", "HUF", "IDR", "INR", "MGA", "MRU", "USD"]),
        (3, 7, ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
        (4, 2, ["CLF", "UYW"]),
    ],
)
def test_the_standard_s_table(digits: int, count: int, some: list[str]) -> None:
    """As many codes of each as the list has."""
    assert {code: _DIGITS[code] for code in some} == dict.fromkeys(some, digits)
    assert list(_DIGITS.values()).count(digits) == count


@given(
    st.sampled_from(sorted(_DIGITS)),
    st.integers(-MAX_AMOUNT, MAX_AMOUNT),
    st.integers(0, 5),
)
def test_any_amount_is_exact(code: str, units: int, zeros: int) -> None:
    """Whatever number of minor units there is, its amount gives it back, zeros behind it or not."""
    wide = Context(prec=60)
    amount = Decimal(units).scaleb(-_DIGITS[code], wide)
    written = amount.quantize(Decimal(1).scaleb(-_DIGITS[code] - zeros), context=wide)

    assert minor_units(amount, code) == units
    assert minor_units(written, code.lower()) == units
    assert minor_units(str(written), code) == units


@pytest.mark.parametrize("amount", [12.9, 12.0, True, False, None, b"12", 1j, [12], Fraction(12)])
def test_what_does_not_hold_money_exactly(amount: Any) -> None:
    """A float is no amount; the text says what is."""
    with pytest.raises(TypeError, match=rf"of type {type(amount).__name__}.*Decimal\('12.90'\)"):
        minor_units(amount, "EUR")


@pytest.mark.parametrize(
    "amount",
    ["", " ", "twelve", "12,90", "1.290,00", "€12", "12.90 EUR", "--1", "0x10", "CANARY"],
)
def test_what_is_not_a_number(amount: str) -> None:
    """A text that is none is refused, and not quoted."""
    with pytest.raises(ValueError, match="is not a number") as refused:
        minor_units(amount, "EUR")
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "-Infinity", "Infinity", "inf"])
def test_what_is_not_finite(amount: str) -> None:
    """As a Decimal and as text."""
    for given_amount in (amount, Decimal(amount)):
        with pytest.raises(ValueError, match="not a finite number"):
            minor_units(given_amount, "EUR")


@pytest.mark.parametrize(
    ("amount", "currency", "digits"),
    [
        (Decimal("12.905"), "EUR", 2),
        (Decimal("0.5"), "JPY", 0),
        (Decimal("1.0001"), "KWD", 3),
        (Decimal("1.00001"), "CLF", 4),
        (Decimal("1E-400"), "EUR", 2),
        (Decimal("1E-999999999"), "JPY", 0),
        (Decimal("-0.001"), "EUR", 2),
        ("0." + "0" * 500 + "1", "EUR", 2),
    ],
)
def test_nothing_is_rounded(amount: Decimal | str, currency: str, digits: int) -> None:
    """More digits than the currency has are a mistake that someone must look at."""
    with pytest.raises(ValueError, match=f"more digits than {currency} has: {digits} after"):
        minor_units(amount, currency)


@pytest.mark.parametrize(
    "amount",
    [
        Decimal("1E+31"),
        Decimal("1E+400"),
        Decimal("1E+999999999"),
        10**40,
        10**5000,
        "9" * 5000,
        "0." + "9" * 5000,
    ],
    ids=["1E31", "1E400", "1E999999999", "10**40", "10**5000", "5000 nines", "behind the point"],
)
def test_what_is_longer_than_is_sent(amount: Any) -> None:
    """Told at once and in words of ours: an exponent is no reason to count for minutes."""
    began = time.monotonic()
    with pytest.raises(ValueError, match="amount is longer than is sent"):
        minor_units(amount, "EUR")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "currency", ["", "EU", "EURO", "XXX", "XTS", "XAU", "DM", " EUR", "€", 978, None]
)
def test_a_currency_that_is_not_one(currency: Any) -> None:
    """Metals and test codes have no minor unit."""
    with pytest.raises(ValueError, match="not one of ISO 4217"):
        minor_units(Decimal(1), currency)


def test_the_caller_s_arithmetic_does_not_matter() -> None:
    """A short precision, or traps for whatever there is."""
    with localcontext(Context(prec=3, traps=[FloatOperation])):
        assert minor_units(Decimal("123456.78"), "EUR") == 12_345_678
        assert minor_units("123456.78", "EUR") == 12_345_678
        with pytest.raises(ValueError, match="not a finite number"):
            minor_units("twelve", "EUR")
