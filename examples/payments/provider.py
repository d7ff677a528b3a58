"""A payment provider to click through, of the kind that FirstPromoter does not integrate by itself.

A shop asks for a checkout and sends its customer to the page of it. What is done there, the shop
hears in a webhook.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.config import Config
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from .webhooks import deliver

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PATIENCE_SECONDS = 5
THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
EVENTS = {
    "pay": ("charge.succeeded", "ch"),
    "refund": ("charge.refunded", "re"),
    "cancel": ("subscription.cancelled", "sub"),
}
"""What a button makes: the event's type, and what the ids of its kind begin with."""

templates = Jinja2Templates(Path(__file__).with_name("templates"))


@dataclass(frozen=True)
class Checkout:
    """What a shop asks for, and what has come of it.

    Attributes:
        amount: In minor units of the currency.
        currency: Three letters.
        customer: The shop's own word for whoever pays.
        webhook_url: Where the shop hears what happens.
        return_url: Where the customer goes afterwards.
        key: What its ids end with.
        done: The buttons that were pressed.
    """

    amount: int
    currency: str
    customer: str
    webhook_url: str
    return_url: str
    key: str = field(init=False, default_factory=lambda: secrets.token_hex(8))
    done: set[str] = field(init=False, default_factory=set)

    @property
    def buttons(self) -> list[str]:
        """What the customer can do now."""
        return [name for name in EVENTS if name not in self.done] if self.done else ["pay"]

    def event(self, button: str, manage_url: str) -> dict[str, Any]:
        """Say what a button did; the ids are the same however often it is said."""
        kind, prefix = EVENTS[button]
        return {
            "type": kind,
            "id": f"{prefix}_{self.key}",
            "charge": f"ch_{self.key}",
            "customer": self.customer,
            "amount": self.amount,
            "currency": self.currency,
            "manage_url": manage_url,
        }


def create_app() -> Starlette:
    """Make the provider; PAYMENTS_SECRET in the environment signs its webhooks."""
    routes = [
        Route("/", lambda _: PlainTextResponse("Payments, on this machine alone.\n")),
        Route("/checkouts", create, methods=["POST"]),
        Route("/checkouts/{key}", show, methods=["GET"], name="checkout"),
        Route("/checkouts/{key}/{button}", press, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    app.state.secret = Config()("PAYMENTS_SECRET")
    app.state.checkouts = {}
    app.state.deliveries = set()
    return app


async def create(request: Request) -> Response:
    """Take a checkout from a shop, and say where its customer pays."""
    try:
        checkout = Checkout(**await request.json())
        hosts = {urlsplit(url).hostname for url in (checkout.webhook_url, checkout.return_url)}
    except (TypeError, ValueError) as error:
        raise HTTPException(400, "This is no checkout.") from error
    if not hosts <= THIS_MACHINE:
        raise HTTPException(400, "The shop has to be on this machine.")
    request.app.state.checkouts[checkout.key] = checkout
    return JSONResponse({"url": _page_of(request, checkout)}, 201)


async def show(request: Request) -> Response:
    """Show the customer what there is to press."""
    return templates.TemplateResponse(request, "checkout.html", {"checkout": _find(request)})


async def press(request: Request) -> Response:
    """Do it, tell the shop, and send the customer back there."""
    checkout, button = _find(request), request.path_params["button"]
    if button in checkout.buttons:
        checkout.done.add(button)
        event = checkout.event(button, _page_of(request, checkout))
        state = request.app.state
        delivery = asyncio.create_task(deliver(checkout.webhook_url, event, state.secret))
        state.deliveries.add(delivery)
        delivery.add_done_callback(state.deliveries.discard)
        # Where the shop is up it knows before its customer is back; else it hears later.
        await asyncio.wait({delivery}, timeout=PATIENCE_SECONDS)
    return RedirectResponse(checkout.return_url, 303)


def _find(request: Request) -> Checkout:
    checkout: Checkout | None = request.app.state.checkouts.get(request.path_params["key"])
    if checkout is None:
        raise HTTPException(404)
    return checkout


def _page_of(request: Request, checkout: Checkout) -> str:
    return str(request.url_for("checkout", key=checkout.key))
