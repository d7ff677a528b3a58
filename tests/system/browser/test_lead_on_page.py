"""From a referral link to the sandbox's page, through both example shops, in one browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from examples.journey import cast
from examples.journey.servers import Servers
from examples.journey.watch import Watch
from tests.support.waiting import PATIENCE
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.browser.chromium import Page

VISITOR = "203.0.113.7"
ARRIVED = {
    "email": "berta@example.com",
    "promoter": "anna",
    "address": VISITOR,
    "outcome": "✓ 200 delivered",
}
ROW = "document.querySelector('#rows .row')"
WATCH = """
window.stands = {};
new MutationObserver(() => document.querySelectorAll('.row .email').forEach(
  one => { window.stands[one.textContent] ??= Date.now(); }
)).observe(document.getElementById('rows'), {childList: true})
"""
LIMIT = 2000
"""Milliseconds from the button to the page."""
KEEPING = {
    "FPROM_LINK_PARAMS": "fpr",
    "FPROM_KEEP_DAYS": "60",
    "FPROM_SECRET_KEYS": "a-key-of-this-test-and-no-other",
}


class Stage:
    """A sandbox with its page open, a shop, and a visitor in another tab."""

    def __init__(self, sandbox: str, shop: str, page: Page, visitor: Page) -> None:
        self.sandbox, self.shop, self.page, self.visitor = sandbox, shop, page, visitor
        self._pressed = 0.0

    def register(self, email: str = "berta@example.com") -> None:
        """Register in the shop, from its landing page, behind a proxy."""
        # Not before: the script's own call would ask whether it may send the header.
        self.visitor.come_from(VISITOR)
        self.visitor.press("Register", "a")
        self.visitor.type("email", email)
        self.visitor.type("password", "correct horse")
        self._pressed = self.visitor.run("Date.now()")
        self.visitor.press("Register")

    def measure(self, email: str) -> float:
        """Return how many milliseconds after the button the lead stood on the page."""
        stands = f"window.stands['{email}']"
        self.page.wait_for(stands)
        return float(self.page.run(stands)) - self._pressed

    def read_row(self) -> dict[str, str]:
        """Wait for the lead on the sandbox's page; return its line."""
        self.page.wait_for(ROW)
        parts = ("email", "promoter", "address", "outcome")
        return {
            part: self.page.run(f"{ROW}.querySelector('.{part}').textContent") for part in parts
        }


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """Start all of it, the shop that the test names with its settings."""
    name, more = request.param
    with Servers() as servers, drive(tmp_path / "profile") as visitor:
        sandbox = cast.start_sandbox(servers, tmp_path)
        sandbox.wait_until_ready(Watch())
        start = cast.SHOPS[name]
        shop = start(servers, tmp_path, sandbox.url, trusted_proxies="loopback", more=more)
        shop.wait_until_ready(Watch())
        page = visitor.tab()
        page.look()
        page.open(sandbox.url)
        page.wait_for("document.getElementById('state').textContent === 'live'")
        page.run(WATCH)
        yield Stage(sandbox.url, shop.url, page, visitor)


@pytest.mark.parametrize(
    "stage", [(name, {}) for name in cast.SHOPS], indirect=True, ids=cast.SHOPS
)
def test_a_referred_visitor_stands_on_the_page(stage: Stage) -> None:
    """With the script: the promoter of the link, the visitor's tid and address."""
    stage.visitor.open(f"{stage.shop}/?fpr=anna")
    stage.visitor.wait_for("document.cookie.includes('_fprom_tid=')")
    tid = stage.visitor.run("document.cookie.match(/_fprom_tid=([^;]+)/)[1]")
    stage.register()

    assert stage.read_row() == ARRIVED
    inside = stage.page.run(f"{ROW}.querySelector('.body').textContent")
    assert tid in inside
    assert "known: a click on anna's link" in inside
    assert "public (of documentation)" in inside
    links = stage.page.run("document.getElementById('links').textContent")
    assert f"{stage.shop}/?fpr=anna" in links


@pytest.mark.parametrize(
    "stage", [(name, {}) for name in cast.SHOPS], indirect=True, ids=cast.SHOPS
)
def test_a_lead_stands_there_within_two_seconds(stage: Stage) -> None:
    """The first one of a process, or where the machine was busy one of the next two."""
    stage.visitor.open(f"{stage.shop}/?fpr=anna")
    stage.visitor.wait_for("document.cookie.includes('_fprom_tid=')")
    took: list[float] = []
    while len(took) < 3 and min(took, default=LIMIT) >= LIMIT:
        email = f"berta-{len(took)}@example.com"
        stage.register(email)
        took.append(stage.measure(email))
        stage.visitor.open(f"{stage.shop}/")

    assert min(took) < LIMIT, took


@pytest.mark.parametrize(
    "stage", [(name, KEEPING) for name in cast.SHOPS], indirect=True, ids=cast.SHOPS
)
def test_a_visitor_who_blocks_the_script_stands_there_too(stage: Stage) -> None:
    """Without the script, after another page: the promoter out of the link, kept by the shop."""
    click = {"cid": cast.ACCOUNT_ID, "ref": "anna"}
    httpx.post(f"{stage.sandbox}/click", json=click, trust_env=False, timeout=PATIENCE)
    stage.visitor.block("*/fpr.js*")
    stage.visitor.open(f"{stage.shop}/?fpr=anna")
    stage.visitor.wait_for("document.readyState === 'complete'")
    assert stage.visitor.run("document.cookie") == ""
    stage.visitor.open(f"{stage.shop}/")
    stage.register()

    assert stage.read_row() == ARRIVED
