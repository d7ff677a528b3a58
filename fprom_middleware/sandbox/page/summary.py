"""What came of the leads: sums for each promoter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..received import ReceivedCancellation, ReceivedSale

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..received import Received, ReceivedLead, ReceivedRefund

    History = tuple[ReceivedLead, Sequence[Received]]


@dataclass(frozen=True, slots=True)
class PromoterSummary:
    """A promoter who brought a lead.

    Attributes:
        ref_id: The promoter.
        leads: How many leads there are.
        sales: How many sales.
        refunds: How many refunds.
        net: Sales less refunds, in minor units of the account's currency.
        commission: What the promoter earned, likewise.
    """

    ref_id: str
    leads: int
    sales: int
    refunds: int
    net: int
    commission: int


def sum_up_promoters(histories: Iterable[History]) -> list[PromoterSummary]:
    """Sum up promoters.

    Args:
        histories: Leads, with what each did.

    Returns:
        Those who brought a lead, the one who earned most first.
    """
    brought: dict[str, list[History]] = {}
    for lead, events in histories:
        brought.setdefault(lead.promoter, []).append((lead, events))
    promoters = []
    for ref_id, theirs in brought.items():
        paying = [event for _, events in theirs for event in _paying(events)]
        sales = sum(isinstance(event, ReceivedSale) for event in paying)
        promoters.append(
            PromoterSummary(
                ref_id,
                len(theirs),
                sales,
                len(paying) - sales,
                sum(event.account_amount for event in paying),
                sum(event.commission for event in paying),
            )
        )
    return sorted(promoters, key=lambda promoter: (-promoter.commission, promoter.ref_id))


def _paying(events: Iterable[Received]) -> list[ReceivedSale | ReceivedRefund]:
    return [event for event in events if not isinstance(event, ReceivedCancellation)]
