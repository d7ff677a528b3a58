"""The answers of the API document, word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .records import Answer, iso

if TYPE_CHECKING:
    from .records import ReceivedLead

UNAUTHORIZED: Final = Answer(401)
BLANK: Final = Answer.of(400, {"message": "Error. Email and uid can not be blank!"})
UNKNOWN_VISITOR: Final = Answer.of(
    404,
    {
        "message": "Visitor  invalid, not found or you are trying to use the signup tracking "
        "test via API which doesn't work on API calls."
    },
)
DUPLICATE: Final = Answer.of(
    422, {"transaction_id": "there is already a signup event registered on this lead"}
)


class RefusedError(Exception):
    """A sign-up call that is not accepted.

    Attributes:
        answer: What the caller gets.
        note: Why, in words that the real service does not give.
    """

    def __init__(self, answer: Answer, note: str) -> None:
        super().__init__(note)
        self.answer = answer
        self.note = note


def accepted(lead: ReceivedLead) -> Answer:
    """Answer a sign-up that was taken.

    Args:
        lead: The lead it became.

    Returns:
        A 200 with every field of the document.
    """
    return Answer.of(
        200,
        {
            "id": lead.id,
            "etype": "signup",
            "sale_amount": None,
            "original_sale_amount": None,
            "original_sale_currency": None,
            "event_id": None,
            "plan_id": None,
            "billing_period": None,
            "created_at": iso(lead.created_at),
            "referral": {"id": lead.id, "email": lead.email, "uid": lead.uid},
            "commissions": [],
        },
    )
