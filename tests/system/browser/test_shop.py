"""The example shop in a real browser: from a referral link to a commission, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.journey import cast
from examples.journey.servers import Servers
from examples.journey.watch import Watch
from tests.support.waiting import PATIENCE, becomes
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["flask", "starlette"])
def test_a_person_registers_buys_and_leaves(name: str, tmp_path: Path) -> None:
    """With the page's own script, forms and cookies, and the provider's pages in between."""
    with Servers() as servers:
        sandbox = cast.start_sandbox(servers, tmp_path)
        payments = cast.start_payments(servers, tmp_path)
        for server in (sandbox, payments):
            server.wait_until_ready(Watch())
        more = cast.payment_settings(payments.url)
        start = cast.SHOPS[name]
        shop = start(servers, tmp_path, sandbox.url, trusted_proxies="0", more=more)
        shop.wait_until_ready(Watch())

        with drive(tmp_path / "profile") as page:
            page.open(f"{shop.url}/?fpr=anna")
            page.wait_for("document.cookie.includes('_fprom_ref=anna')")
            page.press("Register", "a")
            page.type("email", "berta@example.com")
            page.type("password", "correct horse")
            page.press("Register")
            page.press("Buy")
            page.press("Pay")
            page.wait_for("document.body.innerText.includes('charge.succeeded')")
            page.press("Refund or cancel", "a")
            page.press("Take the money back")
            page.wait_for("document.body.innerText.includes('charge.refunded')")
            page.press("Refund or cancel", "a")
            page.press("Cancel the subscription")
            page.wait_for("document.body.innerText.includes('subscription.cancelled')")

        def commissions() -> list[tuple[str, int]]:
            answer = httpx.get(f"{sandbox.url}/state.json", trust_env=False, timeout=PATIENCE)
            state: dict[str, Any] = answer.json()
            told = (*state["sales"], *state["refunds"]) if state["cancellations"] else ()
            return [(one["promoter"], one["commission"]) for one in told]

        assert becomes(commissions, [("anna", 480), ("anna", -480)])
