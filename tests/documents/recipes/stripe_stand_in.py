"""What stands in for Stripe's library in the documents' recipes: its two calls, no network."""

from __future__ import annotations

import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

URL = "https://checkout.stripe.com/1"
WEBHOOK_SECRET = "whsec_of_the_test"


def stripe_stand_in(sessions: list[dict[str, Any]]) -> SimpleNamespace:
    """Make a module that notes down the checkouts that are made, and verifies webhooks."""

    def create(**given: Any) -> dict[str, str]:
        sessions.append(given)
        return {"url": URL}

    return SimpleNamespace(
        checkout=SimpleNamespace(Session=SimpleNamespace(create=create)),
        Webhook=SimpleNamespace(construct_event=_construct_event),
    )


def signed(kind: str, what: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Stripe posts to a webhook, as arguments of a test client's `post`."""
    body = json.dumps({"type": kind, "data": {"object": what}}).encode()
    signature = hmac.new(WEBHOOK_SECRET.encode(), b"1." + body, hashlib.sha256).hexdigest()
    return {"data": body, "headers": {"Stripe-Signature": f"t=1,v1={signature}"}}


def _construct_event(payload: bytes, signature: str, secret: str) -> Any:
    # As Stripe's library does, but for the age.
    parts = dict(part.split("=", 1) for part in signature.split(","))
    text = b".".join([parts["t"].encode(), payload])
    expected = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(expected, parts["v1"])
    return json.loads(payload)
