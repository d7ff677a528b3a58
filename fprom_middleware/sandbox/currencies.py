"""Currencies: which have no minor unit, and what they are worth by a table that is made up."""

from __future__ import annotations

from typing import Final

_WHOLE_UNITS: Final = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF"
ZERO_DECIMAL: Final = frozenset(_WHOLE_UNITS.split())
"""Their amounts are whole units."""

WORTH: Final = {
    "USD": 10_000,
    "AUD": 6_500,
    "BRL": 1_800,
    "CAD": 7_300,
    "CHF": 11_500,
    "EUR": 11_000,
    "GBP": 13_000,
    "INR": 120,
    "JPY": 70,
    "KRW": 8,
    "PLN": 2_600,
    "SEK": 1_000,
}
"""US cents for a hundred of each. Round figures of no day: they show that a sum was converted."""


def convert(amount: int, currency: str, into: str) -> int | None:
    """Convert an amount.

    Args:
        amount: In minor units of ``currency``, at least zero.
        currency: A code, in any case.
        into: Another.

    Returns:
        Minor units of ``into``, half a unit rounded up; None where the table lacks one of the two.
    """
    source, target = _code(currency), _code(into)
    if source == target:
        return amount
    if source not in WORTH or target not in WORTH:
        return None
    worth = amount * WORTH[source] * _minor_units(target)
    unit = WORTH[target] * _minor_units(source)
    return (2 * worth + unit) // (2 * unit)


def format_amount(amount: int, currency: str) -> str:
    """Write an amount for people.

    Args:
        amount: In minor units of ``currency``; below zero for what was taken back.
        currency: A code, in any case.

    Returns:
        Such as ``-12.90 EUR`` or ``1290 JPY``.
    """
    code = _code(currency)
    if code in ZERO_DECIMAL:
        return f"{amount} {code}"
    units, cents = divmod(abs(amount), 100)
    return f"{'-' if amount < 0 else ''}{units}.{cents:02} {code}"


def _code(currency: str) -> str:
    return currency.strip().upper()


def _minor_units(code: str) -> int:
    return 1 if code in ZERO_DECIMAL else 100
