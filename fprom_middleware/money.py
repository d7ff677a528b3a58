"""Amounts as FirstPromoter wants them: whole numbers of a currency's minor unit."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Final

# ISO 4217, list one (published by SIX as the maintenance agency; January 2026): the alphabetic
# codes of currencies and funds by the digits of their minor unit. Metals, test codes and the like
# have none and are left out; BGN ended with 2025, and what was paid in it may be refunded later.
_NO_DIGITS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DIGITS: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
    CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
    GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD
    MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP
    PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
    TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_THREE_DIGITS: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS: Final = "CLF UYW"
_DIGITS: Final[dict[str, int]] = {
    code: digits
    for digits, codes in ((0, _NO_DIGITS), (2, _TWO_DIGITS), (3, _THREE_DIGITS), (4, _FOUR_DIGITS))
    for code in codes.split()
}


def minor_units(amount: Decimal | int | str, currency: str) -> int:
    """Return an amount in the currency's minor unit, as `track_sale` and `track_refund` take it.

    Payment providers that hand out minor units by themselves need none of this; some of theirs
    differ from the standard's (Stripe counts MGA and UGX in its own way).

    Args:
        amount: In the currency's main unit: ``Decimal("12.90")``, ``12`` or ``"12.90"``.
        currency: Three letters of ISO 4217, in any case.

    Returns:
        ``1290`` for 12.90 EUR, ``13`` for 13 JPY, ``12900`` for 12.9 KWD; negative for a negative.

    Raises:
        TypeError: The amount is a float, which cannot hold it, or of another type.
        ValueError: The currency is not one of ISO 4217, or the amount is not a number, or has
            more digits than the currency.
    """
    code = str(currency).upper()
    if code not in _DIGITS:
        msg = "currency is not one of ISO 4217: three letters, such as 'EUR'."
        raise ValueError(msg)
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
        msg = (
            f"amount is of type {type(amount).__name__}, which does not hold money exactly: hand "
            "in a Decimal made of text, Decimal('12.90')."
        )
        raise TypeError(msg)
    sign, digits, exponent = _number(amount).as_tuple()
    if not isinstance(exponent, int):
        msg = "amount is not a finite number."
        raise ValueError(msg)  # noqa: TRY004 - of the right type, and not a number
    if not any(digits):
        return 0
    places = exponent + _DIGITS[code]
    if len(digits) + places > _MOST_DIGITS or len(digits) > _MOST_WRITTEN:
        msg = "amount is longer than is sent."
        raise ValueError(msg)
    whole = int("".join(map(str, digits)))
    units, rest = (whole * 10**places, 0) if places >= 0 else _divided(whole, -places)
    if rest:
        msg = f"amount has more digits than {code} has: {_DIGITS[code]} after the point."
        raise ValueError(msg)
    return -units if sign else units


_MOST_DIGITS: Final = 30
"""Of an amount in minor units; it bounds the arithmetic, and is far above `MAX_AMOUNT`."""
_MOST_WRITTEN: Final = 1000
"""Digits that an amount may be written with, zeros behind the point included."""


def _number(amount: Decimal | int | str) -> Decimal:
    try:
        return Decimal(amount)
    except InvalidOperation:
        msg = "amount is not a number: Decimal('12.90') is one."
        raise ValueError(msg) from None


def _divided(whole: int, places: int) -> tuple[int, int]:
    # A number with more places than it has digits is zero, or does not divide.
    divisor: int = 10 ** min(places, len(str(whole)) + 1)
    return divmod(whole, divisor)
