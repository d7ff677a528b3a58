"""The affiliate program of the double's account: its promoters, its currency, what is earned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CURRENCY: Final = "USD"
COMMISSION_RATE: Final = 0.2
_WHOLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class Program:
    """The program, which does not change.

    Attributes:
        ref_ids: Promoters that are known without a click.
        promo_codes: Whose coupon each code is.
        currency: The account's.
        basis_points: The commission in hundredths of a percent of a sale.
    """

    ref_ids: frozenset[str]
    promo_codes: Mapping[str, str]
    currency: str
    basis_points: int

    def commission(self, amount: int) -> int:
        """Say what a promoter earns by an amount.

        Args:
            amount: In minor units, at least zero.

        Returns:
            Minor units of the same currency, half a unit rounded up.
        """
        return (amount * self.basis_points + _WHOLE // 2) // _WHOLE

    @property
    def reward(self) -> str:
        """The reward's name."""
        return f"{self.basis_points / 100:g} % of every sale"


def make_program(
    ref_ids: Iterable[str], promo_codes: Mapping[str, str], currency: str, commission_rate: float
) -> Program:
    """Check a program's terms.

    Args:
        ref_ids: Promoters that are known without a click.
        promo_codes: Coupon to ref_id; these promoters are known too.
        currency: The account's.
        commission_rate: The share of a sale, from 0 to 1.

    Returns:
        The program.

    Raises:
        ValueError: A code, its ref_id or the currency is blank, or the share is out of range.
    """
    if not all(text.strip() for text in (*promo_codes, *promo_codes.values(), currency)):
        msg = "a promo code, its ref_id and the currency must not be blank"
        raise ValueError(msg)
    if not 0 <= commission_rate <= 1:
        msg = "the commission rate is a share from 0 to 1"
        raise ValueError(msg)
    return Program(
        frozenset(ref_ids) | frozenset(promo_codes.values()),
        dict(promo_codes),
        currency.strip().upper(),
        round(commission_rate * _WHOLE),
    )
