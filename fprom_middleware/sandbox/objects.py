"""The objects inside the answers: referral, commission, reward, lead and promoter.

What the double does not know is null where the document lets it be, and else made up, the same for
everyone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from .received import ReceivedCancellation, ReceivedRefund, ReceivedSale
from .records import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .program import Program
    from .received import Received, ReceivedLead

MADE_UP: Final = "sandbox-secret"
"""What each secret of a promoter begins with, so that a test finds it in a log or a row."""

_CAMPAIGN_ID: Final = 1
_START: Final = "2026-01-01T00:00:00.000Z"

Json = dict[str, Any]


def referral_of(lead: ReceivedLead) -> Json:
    """Write a lead as the answers to sign-ups and sales do.

    Args:
        lead: The lead.

    Returns:
        The object.
    """
    return {"id": lead.id, "email": lead.email, "uid": lead.uid}


def commission_of(sale: ReceivedSale, program: Program) -> Json:
    """Write what a promoter earns by a sale.

    Args:
        sale: The sale.
        program: Where the reward has its name from.

    Returns:
        The object.
    """
    promoter = _promoter_id(sale.promoter)
    return {
        "id": sale.id,
        "status": "approved",
        "metadata": {},
        "is_self_referral": False,
        "commission_type": "sale",
        "created_by_user_email": None,
        "created_by_user_at": None,
        "sale_amount": sale.account_amount,
        "original_sale_amount": sale.amount,
        "original_sale_currency": sale.currency,
        "event_id": sale.event_id,
        "plan_id": sale.plan,
        "tier": 1,
        "internal_note": None,
        "external_note": None,
        "unit": "cash",
        "fraud_check": "no_suspicion",
        "amount": sale.commission,
        "is_paid": False,
        "is_split": False,
        "created_at": iso(sale.received_at),
        "status_updated_at": None,
        "promoter_campaign": {
            "id": promoter,
            "campaign_id": _CAMPAIGN_ID,
            "promoter_id": promoter,
            "created_at": _START,
            "promoter": {
                "id": promoter,
                "email": _promoter_email(sale.promoter),
                "name": sale.promoter,
            },
            "campaign": {"id": _CAMPAIGN_ID, "name": "Sandbox", "color": "#808080"},
        },
        "referral": referral_of(sale.customer),
        "reward": {"id": _CAMPAIGN_ID, "name": program.reward},
    }


def reward_of(refund: ReceivedRefund, lead: Json) -> Json:
    """Write what a refund takes back from a promoter.

    Args:
        refund: The refund.
        lead: Its customer, as ``lead_of`` writes it.

    Returns:
        The object.
    """
    return {
        "id": refund.id,
        "status": "approved",
        "amount": refund.commission,
        "unit": "cash",
        "created_at": iso(refund.received_at),
        "lead": lead,
        "event_id": refund.event_id,
        "conversion_amount": refund.account_amount,
        "tier_level": 1,
        "split_type": None,
    }


def lead_of(lead: ReceivedLead, history: Sequence[Received]) -> Json:
    """Write a lead as the answers to refunds and cancellations do.

    Args:
        lead: The lead.
        history: What it did, oldest first.

    Returns:
        The object.
    """
    sales = [event for event in history if isinstance(event, ReceivedSale)]
    end = find_end(history)
    return {
        "id": lead.id,
        "state": "cancelled" if end else "active" if sales else "signup",
        "email": lead.email,
        "uid": lead.uid,
        "customer_since": iso(sales[0].received_at) if sales else None,
        "cancelled_at": iso(end.received_at) if end else None,
        "plan_name": sales[-1].plan if sales else None,
        "suspicion": "no_suspicion",
        "username": None,
        "website": None,
        "created_at": iso(lead.created_at),
        "split_promotion_id": None,
        "custom_fields": None,
        "split_percentage_value": None,
        "visitor_sub_id": None,
    }


def find_end(history: Sequence[Received]) -> ReceivedCancellation | None:
    """Find the cancellation of a customer that did not come back.

    Args:
        history: What the customer did, oldest first.

    Returns:
        The last cancellation; None where there is none, or a sale came after it.
    """
    turns = [event for event in history if not isinstance(event, ReceivedRefund)]
    last = turns[-1] if turns else None
    return last if isinstance(last, ReceivedCancellation) else None


def promoter_of(ref_id: str, earned: int) -> Json:
    """Write a promoter, secrets included, as the real service does.

    Args:
        ref_id: The promoter.
        earned: The sum of the commissions, in minor units of the account's currency.

    Returns:
        The object.
    """
    number = _promoter_id(ref_id)
    return {
        "id": number,
        "status": "active",
        "cust_id": "",
        "email": _promoter_email(ref_id),
        "created_at": _START,
        "temp_password": f"{MADE_UP}-password-{number}",
        "default_promotion_id": number,
        "pref": ref_id,
        "default_ref_id": ref_id,
        "note": None,
        "w8_form_url": None,
        "w9_form_url": None,
        "parent_promoter_id": None,
        "earnings_balance": {"cash": earned},
        "current_balance": {"cash": earned},
        "paid_balance": {"cash": 0},
        "auth_token": f"{MADE_UP}-token-{number}",
    }


def _promoter_id(ref_id: str) -> int:
    # Promoters are not kept by themselves, and each has the same number at all times.
    return crc32(ref_id.encode())


def _promoter_email(ref_id: str) -> str:
    return f"promoter-{_promoter_id(ref_id)}@example.com"
