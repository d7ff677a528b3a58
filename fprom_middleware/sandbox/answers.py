"""The answers of the API document; those that it shows are word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .objects import commission_of, lead_of, promoter_of, referral_of, reward_of
from .received import Kind
from .records import Answer, iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .program import Program
    from .received import Received, ReceivedCancellation, ReceivedLead, ReceivedRefund, ReceivedSale

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
NOT_FOUND: Final = Answer.of(
    404,
    {
        "message": "Referral corresponding to email or uid parameter not found or promoter is "
        "banned.",
        "code": "not_found",
    },
)
NOT_REFERRED: Final = Answer(204)


class RefusedError(Exception):
    """A call that is not accepted.

    Attributes:
        answer: What the caller gets.
        note: Why, in words that the real service does not give.
    """

    def __init__(self, answer: Answer, note: str) -> None:
        super().__init__(note)
        self.answer = answer
        self.note = note


def malformed(kind: Kind, field: str | None) -> Answer:
    """Answer a call that could not be read.

    Args:
        kind: The call.
        field: The field to blame; None where the call names no customer.

    Returns:
        A 400. The document has words for names and amounts; other fields get the amount's.
    """
    if kind is Kind.SIGNUP or field in {None, "email", "uid"}:
        return BLANK
    name = str(field).replace("_", " ").capitalize()
    return Answer.of(400, {"message": f"Error. {name} blank or invalid."})


def repeated(kind: Kind, event_id: str) -> Answer:
    """Answer a call whose event id was used before.

    Args:
        kind: The call.
        event_id: The id.

    Returns:
        A 409.
    """
    return Answer.of(
        409, {"message": f"The '{kind}' event with the id '{event_id}' already exists."}
    )


def asked_for(kind: Kind, status: int) -> Answer:
    """Answer a call with a status that was asked for, whatever it holds.

    Args:
        kind: The call.
        status: Any from 400.

    Returns:
        The document's body where it has one for this call and status, else a message.
    """
    if status == UNAUTHORIZED.status:
        return UNAUTHORIZED
    documented: dict[tuple[Kind, int], Answer] = {
        (Kind.SIGNUP, UNKNOWN_VISITOR.status): UNKNOWN_VISITOR,
        (Kind.SIGNUP, DUPLICATE.status): DUPLICATE,
        (Kind.SALE, NOT_FOUND.status): NOT_FOUND,
    }
    message = {"message": f"Error. Answered {status} as asked."}
    return documented.get((kind, status), Answer.of(status, message))


def accepted_signup(lead: ReceivedLead) -> Answer:
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
            "referral": referral_of(lead),
            "commissions": [],
        },
    )


def accepted_sale(sale: ReceivedSale, program: Program) -> Answer:
    """Answer a sale that was taken.

    Args:
        sale: The sale.
        program: What its commission follows.

    Returns:
        A 200 with every field of the document.
    """
    return Answer.of(
        200,
        {
            "id": sale.id,
            "etype": "sale",
            "sale_amount": sale.account_amount,
            "original_sale_amount": sale.amount,
            "original_sale_currency": sale.currency,
            "event_id": sale.event_id,
            "plan_id": sale.plan,
            "billing_period": None,
            "created_at": iso(sale.received_at),
            "referral": referral_of(sale.customer),
            "commissions": [commission_of(sale, program)],
        },
    )


def accepted_refund(refund: ReceivedRefund, history: Sequence[Received], earned: int) -> Answer:
    """Answer a refund that was taken.

    Args:
        refund: The refund.
        history: What its customer did, the refund included.
        earned: The sum of the promoter's commissions, in minor units.

    Returns:
        A 200 with every field of the document, a promoter's secrets among them.
    """
    lead = lead_of(refund.customer, history)
    return Answer.of(
        200,
        {
            "id": refund.id,
            "type": "refund",
            "amount_cents": refund.account_amount,
            "reward": reward_of(refund, lead),
            "lead": lead,
            "promoter": promoter_of(refund.promoter, earned),
        },
    )


def accepted_cancellation(
    cancellation: ReceivedCancellation, history: Sequence[Received], earned: int
) -> Answer:
    """Answer a cancellation that was taken.

    Args:
        cancellation: The cancellation.
        history: What its customer did, the cancellation included.
        earned: The sum of the promoter's commissions, in minor units.

    Returns:
        A 200 with every field of the document, a promoter's secrets among them.
    """
    return Answer.of(
        200,
        {
            "id": cancellation.id,
            "type": "cancellation",
            "amount_cents": None,
            "reward": None,
            "lead": lead_of(cancellation.customer, history),
            "promoter": promoter_of(cancellation.promoter, earned),
        },
    )
