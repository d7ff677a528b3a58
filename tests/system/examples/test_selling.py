"""Sales, refunds and cancellations in the example shops: from the button to FirstPromoter."""

from __future__ import annotations

import hmac
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.journey import cast
from tests.support.waiting import PATIENCE, becomes
from tests.system.examples.browser import VENDOR, Browser
from tests.system.examples.conftest import running

if TYPE_CHECKING:
    from .conftest import Sandbox, Shop

IP = "203.0.113.7"
TOLD = ["charge.succeeded", "charge.refunded", "subscription.cancelled"]


def called(sandbox: Sandbox, email: str) -> list[tuple[str, int]]:
    """Return the calls and their answers."""
    return [(kind, status) for kind, status, _ in sandbox.calls(email)]


def checkout_of(browser: Browser) -> str:
    """Press the shop's button, and return the provider's page."""
    assert 'action="/buy"' in browser.get("/welcome").text
    answer = browser.post("/buy", {})
    assert answer.status_code == 303
    return answer.headers["location"]


def notify(shop: Shop, event: dict[str, Any], *, secret: str = cast.PAYMENTS_SECRET) -> int:
    """Post a webhook, and return the answer's status."""
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    answer = httpx.post(
        f"{shop.server.url}/payments/webhook",
        content=body,
        headers={"Content-Type": "application/json", "Payments-Signature": signature},
        trust_env=False,
        timeout=PATIENCE,
    )
    return answer.status_code


def charge(email: str) -> dict[str, Any]:
    """Make an event as the provider does."""
    return {
        "type": "charge.succeeded",
        "id": f"ch_{email}",
        "charge": f"ch_{email}",
        "customer": email,
        "amount": 2400,
        "currency": "USD",
        "manage_url": "http://127.0.0.1/",
    }


def test_a_referred_customer_earns_the_promoter_a_commission(
    selling_shop: Shop, sandbox: Sandbox, email: str
) -> None:
    """Each of the three calls is made once, though the browser's cookies are gone long since."""
    with Browser(selling_shop, IP) as browser:
        browser.land(sandbox)
        assert browser.register(email).status_code == 303
        browser.forget(*VENDOR)
        page = checkout_of(browser)
        browser.press(page, "pay", "refund", "cancel")
        account = browser.get("/welcome").text
    assert selling_shop.payments(email) == TOLD
    assert page in account
    expected = [("signup", 200), ("sale", 200), ("refund", 200), ("cancellation", 200)]
    assert becomes(lambda: called(sandbox, email), expected)
    key = page.rpartition("/")[2]
    money = {"email": email, "amount": 2400, "currency": "USD"}
    assert [sent for _, _, sent in sandbox.calls(email)[1:]] == [
        money | {"event_id": f"ch_{key}"},
        # A refund's amount is text in the vendor's document.
        money | {"event_id": f"re_{key}", "sale_event_id": f"ch_{key}", "amount": "2400"},
        {"email": email},
    ]


def test_an_organic_customer_is_no_trouble(
    selling_shop: Shop, sandbox: Sandbox, email: str
) -> None:
    """What nobody's referral pays is sent once, answered 404 and 204, and the log is silent."""
    with Browser(selling_shop, IP) as browser:
        assert browser.register(email).status_code == 303
        browser.press(checkout_of(browser), "pay", "refund", "cancel")
    expected = [("sale", 404), ("refund", 204), ("cancellation", 204)]
    assert becomes(lambda: called(sandbox, email), expected)
    said = [line for line in selling_shop.server.output().splitlines() if "FirstPromoter" in line]
    assert all(line.startswith("The first sale of this process.") for line in said)


def test_a_repeated_webhook_is_one_sale(selling_shop: Shop, sandbox: Sandbox, email: str) -> None:
    """However often the provider says it, the shop writes it once and tells it once."""
    assert [notify(selling_shop, charge(email)) for _ in range(3)] == [204] * 3
    later = charge(email) | {"type": "subscription.cancelled", "id": f"sub_{email}"}
    assert notify(selling_shop, later) == 204
    expected = [("sale", 404), ("cancellation", 204)]
    assert becomes(lambda: called(sandbox, email), expected)
    assert selling_shop.payments(email) == ["charge.succeeded", "subscription.cancelled"]


def test_a_forged_webhook_is_refused(selling_shop: Shop, sandbox: Sandbox, email: str) -> None:
    """What the provider did not sign is neither written nor told."""
    assert notify(selling_shop, charge(email), secret="guessed") == 403
    unsigned = httpx.post(
        f"{selling_shop.server.url}/payments/webhook", json=charge(email), trust_env=False
    )
    assert unsigned.status_code == 403
    assert selling_shop.payments(email) == []
    assert not sandbox.heard_of(email)


def test_an_event_of_another_kind_is_accepted(selling_shop: Shop, email: str) -> None:
    """Providers send more than a shop has asked for."""
    assert notify(selling_shop, charge(email) | {"type": "charge.disputed"}) == 204


def test_only_a_customer_buys(selling_shop: Shop) -> None:
    """Without an account there is no button, and no checkout."""
    assert "/buy" not in selling_shop.get("/welcome").text
    answer = httpx.post(f"{selling_shop.server.url}/buy", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/register")


@pytest.mark.parametrize("name", ["flask", "starlette"])
def test_sales_wait_for_an_api_that_is_down(name: str, payments: str, email: str) -> None:
    """The customer pays all the same; what the shop wrote and what it has to tell are kept."""
    settings = cast.payment_settings(payments)
    outboxes = {"flask": "shop.db", "starlette": ".fprom/outbox.db"}
    with (
        running(name, "http://127.0.0.1:1", more=settings) as shop,
        Browser(shop, IP) as browser,
    ):
        browser.register(email)
        browser.press(checkout_of(browser), "pay")
        assert shop.payments(email) == TOLD[:1]
        with closing(sqlite3.connect(shop.folder / outboxes[name])) as db:
            (payload,) = db.execute("SELECT payload FROM fprom_outbox").fetchone()
    assert json.loads(payload)["email"] == email


@pytest.mark.parametrize("name", ["flask", "starlette"])
def test_a_provider_that_is_down_is_said(name: str, sandbox: Sandbox, email: str) -> None:
    """The customer reads that it did not work; nothing is written."""
    with (
        running(name, sandbox.url, more=cast.payment_settings("http://127.0.0.1:1")) as shop,
        Browser(shop, IP) as browser,
    ):
        browser.register(email)
        assert browser.post("/buy", {}).status_code == 502
        assert shop.payments(email) == []
