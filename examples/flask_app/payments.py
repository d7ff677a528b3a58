"""Buying: a checkout at the payment provider, and the webhook that says what came of it.

Only for a provider that FirstPromoter is not connected to. With Stripe, Paddle, Chargebee, Recurly
or Braintree connected, each sale sent here would pay a second commission: send none, and hand
`stripe_metadata(request)` to the checkout instead.
"""

from __future__ import annotations

import hmac
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
from flask import Blueprint, abort, current_app, redirect, request, session, url_for
from sqlalchemy.exc import IntegrityError

from fprom_middleware import Status, minor_units, track_cancellation, track_refund, track_sale

from .database import payments as table

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from werkzeug.wrappers import Response

    from fprom_middleware import Receipt

PRICE, CURRENCY = Decimal("24.00"), "USD"
SIGNATURE = "Payments-Signature"

payments = Blueprint("payments", __name__)


@payments.post("/buy")
def buy() -> Response:
    """Send the customer to the provider's page."""
    if "email" not in session:
        return redirect(url_for("pages.form"), 303)
    checkout = {
        "amount": minor_units(PRICE, CURRENCY),
        "currency": CURRENCY,
        # It comes back with each webhook, which has none of the customer's cookies.
        "customer": session["email"],
        "webhook_url": url_for("payments.webhook", _external=True),
        "return_url": url_for("pages.welcome", _external=True),
    }
    try:
        answer = httpx.post(
            f"{current_app.config['SHOP_PAYMENTS_URL']}/checkouts", json=checkout, timeout=5
        )
        return redirect(answer.raise_for_status().json()["url"], 303)
    except (httpx.HTTPError, ValueError, KeyError):
        abort(502, "The payment provider does not answer. Please try again.")


@payments.post("/payments/webhook")
def webhook() -> tuple[str, int]:
    """Write down what the provider says, and tell FirstPromoter; once, however often it comes."""
    if not _is_signed(request.get_data(), request.headers.get(SIGNATURE, "")):
        abort(403)
    event = request.get_json()
    database: Engine = current_app.extensions["shop_database"]
    try:
        with database.begin() as db:
            _write(db, event)
            receipt = _track(db, event)
            if receipt is not None and receipt.status is Status.FAILED:
                abort(503)  # neither is kept, and the provider comes again
    except IntegrityError:
        pass  # the id is there already: this is a repeat
    return "", 204


def _write(db: Connection, event: dict[str, Any]) -> None:
    row = {"email": event["customer"]}
    row |= {name: event[name] for name in ("id", "type", "amount", "currency", "manage_url")}
    db.execute(table.insert().values(row))


def _track(db: Connection, event: dict[str, Any]) -> Receipt | None:
    # Every charge, for FirstPromoter knows which customers were referred. In the transaction of
    # our own row: both are there, or neither.
    email = event["customer"]
    match event["type"]:
        case "charge.succeeded":
            return track_sale(
                request,
                email,
                event_id=event["id"],
                amount=event["amount"],
                currency=event["currency"],
                session=db,
            )
        case "charge.refunded":
            return track_refund(
                request,
                email,
                event_id=event["id"],
                sale_event_id=event["charge"],
                amount=event["amount"],
                currency=event["currency"],
                session=db,
            )
        case "subscription.cancelled":
            return track_cancellation(request, email, session=db)
    return None


def _is_signed(body: bytes, signature: str) -> bool:
    secret = current_app.config["SHOP_PAYMENTS_SECRET"]
    expected = hmac.new(secret.encode(), body, "sha256").hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())
