"""Buying: a checkout at the payment provider, and the webhook that says what came of it.

Only for a provider that FirstPromoter is not connected to. With Stripe, Paddle, Chargebee, Recurly
or Braintree connected, each sale sent here would pay a second commission: send none, and hand
`stripe_metadata(request)` to the checkout instead.
"""

from __future__ import annotations

import hmac
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from fprom_middleware import (
    Status,
    minor_units,
    track_cancellation_async,
    track_refund_async,
    track_sale_async,
)

from .forms import read_body

if TYPE_CHECKING:
    from starlette.requests import Request

    from fprom_middleware import Receipt

    from .ledger import Ledger

PRICE, CURRENCY = Decimal("24.00"), "USD"
SIGNATURE = "Payments-Signature"


async def buy(request: Request) -> Response:
    """Send the customer to the provider's page."""
    if "email" not in request.session:
        return RedirectResponse("/register", 303)
    checkout = {
        "amount": minor_units(PRICE, CURRENCY),
        "currency": CURRENCY,
        # It comes back with each webhook, which has none of the customer's cookies.
        "customer": request.session["email"],
        "webhook_url": str(request.url_for("payments_webhook")),
        "return_url": str(request.url_for("welcome")),
    }
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.post(f"{request.app.state.payments_url}/checkouts", json=checkout)
        return RedirectResponse(answer.raise_for_status().json()["url"], 303)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise HTTPException(502, "The payment provider does not answer.") from error


async def webhook(request: Request) -> Response:
    """Tell FirstPromoter what the provider says, and write it down; it may come more than once."""
    body = await read_body(request)
    if not _is_signed(request, body):
        raise HTTPException(403)
    event = json.loads(body)
    ledger: Ledger = request.app.state.ledger
    if not await run_in_threadpool(ledger.holds, event["id"]):
        # In this order: where it ends in between, the provider comes again, and FirstPromoter
        # counts an event_id once. The Flask shop needs no order: its session= makes both one.
        receipt = await _track(request, event)
        if receipt is not None and receipt.status is Status.FAILED:
            raise HTTPException(503)
        await run_in_threadpool(ledger.add, event)
    return Response(status_code=204)


async def _track(request: Request, event: dict[str, Any]) -> Receipt | None:
    # Every charge, for FirstPromoter knows which customers were referred.
    email = event["customer"]
    match event["type"]:
        case "charge.succeeded":
            return await track_sale_async(
                request,
                email,
                event_id=event["id"],
                amount=event["amount"],
                currency=event["currency"],
            )
        case "charge.refunded":
            return await track_refund_async(
                request,
                email,
                event_id=event["id"],
                sale_event_id=event["charge"],
                amount=event["amount"],
                currency=event["currency"],
            )
        case "subscription.cancelled":
            return await track_cancellation_async(request, email)
    return None


def _is_signed(request: Request, body: bytes) -> bool:
    expected = hmac.new(request.app.state.payments_secret.encode(), body, "sha256").hexdigest()
    signature = request.headers.get(SIGNATURE, "")
    return hmac.compare_digest(expected.encode(), signature.encode())


routes = [
    Route("/buy", buy, methods=["POST"]),
    Route("/payments/webhook", webhook, methods=["POST"], name="payments_webhook"),
]
