"""Pictures for README and docs: the sandbox's page, the shop, and the outbox in Django's admin."""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    # A script's own folder is on the path; what stands here is imported from the root.
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from examples.journey import cast
from examples.journey.servers import Servers
from examples.journey.watch import Watch
from fprom_middleware.sandbox import FirstPromoterDouble
from tests.sandbox.calling import call, signup
from tests.sandbox.serving import serving
from tests.support.django_admin import admin_project, fill_outbox, log_in, serve_project
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from tests.system.browser.chromium import Page

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "pictures"
UNKNOWN = "11111111-2222-4333-8444-555555555555"
ROWS = "[...document.querySelectorAll('.row')]"


class Morning:
    """A sandbox's morning, whose events have come some time ago."""

    def __init__(self) -> None:
        self.ago = 0.0
        self.double = FirstPromoterDouble(ref_ids=["anna"], clock=lambda: time.time() - self.ago)

    def pass_by(self) -> None:
        """Let it all arrive."""
        double, lou = self.double, {"email": "lou@example.com", "ip": "203.0.113.9"}
        kim, noa = {"email": "kim@example.com", "uid": "u-7"}, {"email": "noa@example.com"}
        self.ago = 7_300
        anna, bea = double.click("anna", "127.0.0.1").tid, double.click("bea", "127.0.0.1").tid
        for self.ago in (4_100, 4_090, 4_030):
            signup(double, tid=UNKNOWN, **lou)
        self.ago = 1_900
        signup(double, tid=anna, ip="203.0.113.7", created_at=self.moment(1_901), **kim)
        self.ago = 1_500
        signup(double, tid=bea, ip="198.51.100.4", created_at=self.moment(2_100), **noa)
        self.ago = 700
        call(double, "sale", **kim, event_id="in_1", amount=4900, currency="EUR")
        self.ago = 310
        signup(double, tid=bea, ip="198.51.100.4", created_at=self.moment(311), **noa)
        self.ago = 45
        call(double, "sale", uid="u-99", event_id="in_2", amount=1900)
        self.ago = 12
        call(double, "refund", **kim, event_id="re_1", amount=1900, sale_event_id="in_1")

    def moment(self, ago: int) -> str:
        """Write when it was, so many seconds ago."""
        return datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="milliseconds")


def take_the_page(page: Page) -> None:
    """Take the sandbox's page, its newest sign-up open."""
    morning = Morning()
    with serving(morning.double) as url:
        page.look()
        page.open(url)
        page.wait_for("document.getElementById('state').textContent === 'live'")
        morning.pass_by()
        page.wait_for(f"{ROWS}.length === 7 && !document.querySelector('.row.new')")
        for name, width, dark in (
            ("light", 1100, False),
            ("dark", 1100, True),
            ("phone", 375, False),
        ):
            page.look(width=width, height=800, dark=dark)
            is_open = "false" if name == "phone" else "true"
            kim = f"{ROWS}.find(row => row.textContent.includes('kim@example.com sign-up'))"
            page.run(f"{kim}.querySelector('details').open = {is_open}")
            page.picture(PICTURES / f"sandbox-{name}.png")


def take_the_shop(page: Page, folder: Path) -> None:
    """Take the example shop, where a visitor registers."""
    with Servers() as servers:
        sandbox = cast.start_sandbox(servers, folder)
        sandbox.wait_until_ready(Watch())
        shop = cast.start_flask_shop(servers, folder, sandbox.url, trusted_proxies="loopback")
        shop.wait_until_ready(Watch())
        page.look(width=720, height=480)
        page.open(f"{shop.url}/register?fpr=anna")
        page.wait_for("document.cookie.includes('_fprom_ref')")
        page.picture(PICTURES / "shop.png")


def take_the_admin(page: Page, folder: Path) -> None:
    """Take the outbox in Django's admin, paused."""
    url = f"sqlite:///{folder / 'outbox.db'}"
    with admin_project(folder, FPROM_OUTBOX_URL=url), serve_project() as base:
        fill_outbox(url)
        log_in(page, base)
        page.look(width=1100, height=600)
        page.open(f"{base}fprom/event/")
        page.wait_for("document.readyState === 'complete' && document.querySelector('.paginator')")
        # Where the outbox of this run is would be another place the next time.
        page.run("document.querySelector('#content .quiet').textContent = '/srv/shop/outbox.db'")
        page.picture(PICTURES / "django-admin.png")


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, drive(Path(name, "profile")) as page:
        take_the_page(page)
        take_the_shop(page, Path(name))
        take_the_admin(page, Path(name))
