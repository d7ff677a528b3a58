"""The four calls of the Tracking API v2 as JSON schemas, in words of our own.

They were compared with the vendor's document by hand, field by field, and are stricter than it in
three points: a field that it does not name is a problem, so that a misspelt one is seen; what its
prose demands is required; and each answer holds every field that it shows. In two points they are
laxer: its oneOf(email, uid) is at least one of the two, as its own guides send both; and what a
lead or a promoter does not have, such as an e-mail, a first sale or a parent, may be null.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
MOMENT: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
}
POSITIVE: Final[Schema] = {"type": "integer", "minimum": 1}
POSITIVE_AS_TEXT: Final[Schema] = {"type": "string", "pattern": r"^0*[1-9][0-9]*$"}
"""A refund's figures: the document has them in quotes."""
MRR: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+$"}
EMPTY: Final[Schema] = {"type": "null"}
"""No body at all."""


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _whole(fields: dict[str, Schema]) -> Schema:
    """Return an object of exactly these fields."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _request(fields: dict[str, Schema], *required: str, one_of: tuple[str, ...] = ()) -> Schema:
    """Return a call that names its customer, and one of these where there are any."""
    choices = [("email", "uid"), one_of] if one_of else [("email", "uid")]
    return {
        "type": "object",
        "properties": {"email": TEXT, "uid": TEXT, **fields},
        "required": list(required),
        "additionalProperties": False,
        "allOf": [{"anyOf": [{"required": [name]} for name in names]} for names in choices],
    }


REQUESTS: Final[dict[str, Schema]] = {
    "/signup": _request(
        {
            "tid": TEXT,
            "ref_id": TEXT,
            "ip": TEXT,
            "created_at": MOMENT,
            "skip_email_notification": FLAG,
        },
        one_of=("tid", "ref_id"),
    ),
    "/sale": _request(
        {
            "event_id": TEXT,
            "amount": POSITIVE,
            "quantity": POSITIVE,
            "plan": TEXT,
            "currency": TEXT,
            "mrr": MRR,
            "promo_code": TEXT,
            "tid": TEXT,
            "ref_id": TEXT,
            "skip_email_notification": FLAG,
        },
        "event_id",
        "amount",
    ),
    "/refund": _request(
        {
            "event_id": TEXT,
            "amount": POSITIVE_AS_TEXT,
            "currency": TEXT,
            "quantity": POSITIVE_AS_TEXT,
            "sale_event_id": TEXT,
            "skip_email_notification": FLAG,
        },
        "event_id",
        "amount",
    ),
    "/cancellation": _request({}),
}
"""What a caller may send, by path below the base URL."""

REFERRAL: Final = _whole({"id": WHOLE, "email": _or_null(TEXT), "uid": _or_null(TEXT)})

LEAD: Final = _whole(
    {
        "id": WHOLE,
        "state": TEXT,
        "email": _or_null(TEXT),
        "uid": _or_null(TEXT),
        "customer_since": _or_null(MOMENT),
        "cancelled_at": _or_null(MOMENT),
        "plan_name": _or_null(TEXT),
        "suspicion": TEXT,
        "username": _or_null(TEXT),
        "website": _or_null(TEXT),
        "created_at": MOMENT,
        "split_promotion_id": _or_null(TEXT),
        "custom_fields": _or_null(TEXT),
        "split_percentage_value": _or_null(TEXT),
        "visitor_sub_id": _or_null(TEXT),
    }
)

BALANCE: Final = _whole({"cash": WHOLE})

PROMOTER: Final = _whole(
    {
        "id": WHOLE,
        "status": TEXT,
        "cust_id": {"type": "string"},
        "email": TEXT,
        "created_at": MOMENT,
        "temp_password": _or_null(TEXT),
        "default_promotion_id": WHOLE,
        "pref": TEXT,
        "default_ref_id": TEXT,
        "note": _or_null(TEXT),
        "w8_form_url": _or_null(TEXT),
        "w9_form_url": _or_null(TEXT),
        "parent_promoter_id": _or_null(WHOLE),
        "earnings_balance": BALANCE,
        "current_balance": BALANCE,
        "paid_balance": BALANCE,
        "auth_token": TEXT,
    }
)

CAMPAIGN: Final = _whole(
    {
        "id": WHOLE,
        "campaign_id": WHOLE,
        "promoter_id": WHOLE,
        "created_at": MOMENT,
        "promoter": _whole({"id": WHOLE, "email": TEXT, "name": TEXT}),
        "campaign": _whole({"id": WHOLE, "name": TEXT, "color": TEXT}),
    }
)

COMMISSION: Final = _whole(
    {
        "id": WHOLE,
        "status": TEXT,
        "metadata": {"type": "object"},
        "is_self_referral": FLAG,
        "commission_type": TEXT,
        "created_by_user_email": _or_null(TEXT),
        "created_by_user_at": _or_null(TEXT),
        "sale_amount": WHOLE,
        "original_sale_amount": WHOLE,
        "original_sale_currency": _or_null(TEXT),
        "event_id": _or_null(TEXT),
        "plan_id": _or_null(TEXT),
        "tier": WHOLE,
        "internal_note": _or_null(TEXT),
        "external_note": _or_null(TEXT),
        "unit": TEXT,
        "fraud_check": TEXT,
        "amount": WHOLE,
        "is_paid": FLAG,
        "is_split": FLAG,
        "created_at": MOMENT,
        "status_updated_at": _or_null(TEXT),
        "promoter_campaign": CAMPAIGN,
        "referral": REFERRAL,
        "reward": _whole({"id": WHOLE, "name": TEXT}),
    }
)

REWARD: Final = _whole(
    {
        "id": WHOLE,
        "status": TEXT,
        "amount": {"type": "integer", "maximum": 0},
        "unit": TEXT,
        "created_at": MOMENT,
        "lead": LEAD,
        "event_id": TEXT,
        "conversion_amount": {"type": "integer", "maximum": 0},
        "tier_level": WHOLE,
        "split_type": _or_null(TEXT),
    }
)


def _event(etype: str, amount: Schema, commissions: Schema) -> Schema:
    """Return the answer to a sign-up or a sale."""
    return _whole(
        {
            "id": WHOLE,
            "etype": {"const": etype},
            "sale_amount": amount,
            "original_sale_amount": amount,
            "original_sale_currency": _or_null(TEXT),
            "event_id": _or_null(TEXT),
            "plan_id": _or_null(TEXT),
            "billing_period": _or_null(TEXT),
            "created_at": MOMENT,
            "referral": REFERRAL,
            "commissions": {"type": "array", "items": commissions},
        }
    )


def _change(kind: str, amount: Schema, reward: Schema) -> Schema:
    """Return the answer to a refund or a cancellation."""
    return _whole(
        {
            "id": WHOLE,
            "type": {"const": kind},
            "amount_cents": amount,
            "reward": reward,
            "lead": LEAD,
            "promoter": PROMOTER,
        }
    )


MESSAGE: Final = _whole({"message": TEXT})
NOT_FOUND: Final = _whole({"message": TEXT, "code": {"const": "not_found"}})

ANSWERS: Final[dict[tuple[str, int], Schema]] = {
    ("/signup", 200): _event("signup", _or_null(WHOLE), {}),
    ("/signup", 400): MESSAGE,
    ("/signup", 401): EMPTY,
    ("/signup", 404): MESSAGE,
    ("/signup", 422): _whole({"transaction_id": TEXT}),
    ("/sale", 200): _event("sale", POSITIVE | {"minimum": 0}, COMMISSION),
    ("/sale", 400): MESSAGE,
    ("/sale", 401): EMPTY,
    ("/sale", 404): NOT_FOUND,
    ("/sale", 409): MESSAGE,
    ("/refund", 200): _change("refund", {"type": "integer", "maximum": 0}, REWARD),
    ("/refund", 204): EMPTY,
    ("/refund", 400): MESSAGE,
    ("/refund", 401): EMPTY,
    ("/refund", 409): MESSAGE,
    ("/cancellation", 200): _change("cancellation", EMPTY, EMPTY),
    ("/cancellation", 204): EMPTY,
    ("/cancellation", 400): MESSAGE,
    ("/cancellation", 401): EMPTY,
}
"""What the API answers, by path and status; 401 and 204 have no body.

The document has no 401 for any call and no 204 for a cancellation; they are known from elsewhere.
"""
