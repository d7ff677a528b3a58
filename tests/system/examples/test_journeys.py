"""Every way from a referral link to an account: what the lead carries.

Each row of the table is driven through both examples over real HTTP, with real cookie jars.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import eventually
from tests.system.examples.browser import VENDOR, Browser, altered, state_of
from tests.system.examples.conftest import running
from tests.system.examples.provider import SESSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.examples.conftest import Opened, Sandbox, Shop

KEY, NEW_KEY = "the-key-of-this-spring", "the-key-of-this-summer"
KEEP = "fprom_keep"
HOME, OFFICE = "203.0.113.7", "198.51.100.9"

KEEPING = {"FPROM_SECRET_KEYS": KEY, "FPROM_KEEP_DAYS": "60"}
CONFIRMING = {"FPROM_SECRET_KEYS": KEY, "SHOP_CONFIRM_EMAIL": "true"}
ASKING = KEEPING | {"FPROM_CONSENT": "{shop}_app.privacy.may_track"}
DOMAIN = KEEPING | {"FPROM_KEEP_DOMAIN": "tea.test"}
LINKS = {"FPROM_SECRET_KEYS": KEY, "FPROM_LINK_PARAMS": "fpr"}
SPA = {"FPROM_TID_HEADER": "X-Fprom-Tid"}


@dataclass(frozen=True)
class Stage:
    """What a journey takes place on."""

    name: str
    opened: Opened
    sandbox: Sandbox
    provider: str
    email: str
    folder: Path

    def open(self, settings: dict[str, str]) -> Shop:
        """Return this example with these settings."""
        given = {key: value.format(shop=self.name) for key, value in settings.items()}
        return self.opened.open(self.name, **given)


def plain(stage: Stage) -> str:
    """Land, register."""
    with Browser(stage.open({}), HOME) as browser:
        tid = browser.land(stage.sandbox)
        assert browser.register(stage.email).status_code == 303
        assert KEEP not in browser.cookies
    return tid


def oauth(stage: Stage, change: Callable[[str], str] = str, answer: int = 303) -> str:
    """Set out to the provider; come back, at the office, without any referral cookie."""
    shop = stage.open(KEEPING | {"SHOP_OAUTH_URL": stage.provider})
    with Browser(shop, HOME) as browser:
        tid = browser.land(stage.sandbox)
        assert "/oauth/start" in browser.get("/register").text
        browser.write(SESSION, stage.email)
        asked = browser.get("/oauth/start").headers["location"]
        back = browser.get(asked).headers["location"]
        browser.forget(*VENDOR, KEEP)
        browser.move(shop, ip=OFFICE)
        state = state_of(back)
        assert browser.get(back.replace(state, change(state))).status_code == answer
    return tid


def oauth_elsewhere(stage: Stage) -> str:
    """Hand one's callback to somebody else, which a state is there to prevent."""
    shop = stage.open(KEEPING | {"SHOP_OAUTH_URL": stage.provider})
    with Browser(shop, HOME) as browser, Browser(shop, OFFICE) as victim:
        tid = browser.land(stage.sandbox)
        browser.write(SESSION, stage.email)
        back = browser.get(browser.get("/oauth/start").headers["location"]).headers["location"]
        assert victim.get(back).status_code == 400
    return tid


def confirmed_elsewhere(stage: Stage) -> str:
    """Register at home; open the mail's link on a device that knows nothing, at the office."""
    shop = stage.open(CONFIRMING)
    with Browser(shop, HOME) as browser, Browser(shop, OFFICE) as other:
        tid = browser.land(stage.sandbox)
        assert "Look into your mail" in browser.register(stage.email).text
        assert stage.email not in shop.users()
        link = shop.mail_to(stage.email)
        assert stage.email not in link
        assert other.confirm(link).status_code == 303
        assert other.confirm(link).status_code == 410
    return tid


def confirmed_with_a_changed_link(stage: Stage) -> str:
    """Open a link whose visitor was tampered with on another device."""
    shop = stage.open(CONFIRMING)
    with Browser(shop, HOME) as browser, Browser(shop, OFFICE) as other:
        tid = browser.land(stage.sandbox)
        browser.register(stage.email)
        link = shop.mail_to(stage.email)
        visitor = link.partition("visitor=")[2].partition("&")[0]
        assert other.confirm(link, visitor=altered(visitor)).status_code == 303
        assert stage.email in shop.users()
    return tid


def confirmed_at_home_with_a_changed_link(stage: Stage) -> str:
    """Open such a link where the cookies still are: they say it all."""
    shop = stage.open(CONFIRMING)
    with Browser(shop, HOME) as browser:
        tid = browser.land(stage.sandbox)
        browser.register(stage.email)
        assert browser.confirm(shop.mail_to(stage.email), visitor="nonsense").status_code == 303
    return tid


def other_subdomain(stage: Stage) -> str:
    """Land on www, register on account; the script's cookies stay behind."""
    shop = stage.open(DOMAIN)
    with Browser(shop, HOME, "www.tea.test") as browser:
        tid = browser.land(stage.sandbox)
        browser.move(shop, host="account.tea.test")
        answer = browser.register(stage.email)
        assert answer.status_code == 303
        sent = answer.request.headers["cookie"]
        assert (VENDOR[0] in sent, KEEP in sent) == (False, True)
    return tid


def day_30_on_safari(stage: Stage) -> str:
    """Come back when the browser has deleted what the script wrote."""
    with Browser(stage.open(KEEPING), HOME) as browser:
        tid = browser.land(stage.sandbox)
        browser.forget(*VENDOR)
        assert set(browser.cookies) == {KEEP}
        assert browser.get("/register").status_code == 200
        assert browser.register(stage.email).status_code == 303
    return tid


def day_30_on_safari_with_a_changed_cookie(stage: Stage) -> str:
    """Come back with a cookie that somebody changed."""
    shop = stage.open(KEEPING)
    with Browser(shop, HOME) as browser:
        tid = browser.land(stage.sandbox)
        changed = altered(browser.cookies[KEEP])
        browser.forget(*VENDOR, KEEP)
        browser.write(KEEP, changed)
        assert browser.register(stage.email).status_code == 303
    return tid


def blocked_script(stage: Stage) -> str:
    """Land with an ad blocker: only the link names the promoter."""
    with Browser(stage.open(LINKS), HOME) as browser:
        tid = browser.land(stage.sandbox, "anna", blocked=True)
        assert browser.get("/register").status_code == 200
        assert browser.register(stage.email).status_code == 303
    return tid


def spa_header(stage: Stage) -> str:
    """Register from a page on another host, which sends no cookie but a header."""
    tid = stage.sandbox.click()
    with Browser(stage.open(SPA), HOME) as browser:
        headers = {"X-Fprom-Tid": tid, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
        assert browser.register(stage.email, headers).status_code == 303
    return tid


def consent_refused(stage: Stage) -> str:
    """Land and register, and say no."""
    with Browser(stage.open(ASKING), HOME) as browser:
        browser.write("consent", "no")
        tid = browser.land(stage.sandbox)
        assert KEEP not in browser.cookies
        assert browser.register(stage.email).status_code == 303
    return tid


def consent_given_later(stage: Stage) -> str:
    """Land without an answer; say yes before registering, weeks after the script's cookies."""
    with Browser(stage.open(ASKING), HOME) as browser:
        tid = browser.land(stage.sandbox)
        assert KEEP not in browser.cookies
        browser.write("consent", "yes")
        assert browser.get("/").status_code == 200
        assert KEEP in browser.cookies
        browser.forget(*VENDOR)
        assert browser.register(stage.email).status_code == 303
    return tid


def key_rotated(stage: Stage) -> str:
    """Land and get the mail under the old key; confirm when a new one signs."""
    settings = KEEPING | CONFIRMING
    keys = settings | {"FPROM_SECRET_KEYS": f"{KEY},{NEW_KEY}"}
    where = (stage.name, stage.sandbox.url)
    with (
        running(*where, folder=stage.folder, more=settings) as shop,
        Browser(shop, HOME) as browser,
    ):
        tid = browser.land(stage.sandbox)
        browser.register(stage.email)
        link = shop.mail_to(stage.email)
        old = browser.cookies[KEEP]
    with running(*where, folder=stage.folder, more=keys) as shop, Browser(shop, OFFICE) as other:
        assert other.confirm(link).status_code == 303
        arrived(stage.sandbox, stage.email, 1)
        # The cookie of the old key says the same as before: it is left as it is.
        other.write(KEEP, old)
        other.get("/")
        assert other.cookies[KEEP] == old
    return tid


@dataclass(frozen=True)
class Row:
    """One way, and the lead at its end.

    Attributes:
        drive: Goes the way; returns the tid of the click.
        sent: Whether a lead is sent at all.
        tid: Whether it carries the tid.
        ref_id: The ref that it carries.
        ip: The address that it carries.
    """

    drive: Callable[[Stage], str]
    sent: bool = True
    tid: bool = True
    ref_id: str | None = None
    ip: str | None = field(default=HOME)


TABLE = {
    "plain": Row(plain),
    "OAuth round trip": Row(oauth),
    "OAuth, tampered state": Row(lambda s: oauth(s, altered, 400), sent=False),
    "OAuth, another browser's state": Row(oauth_elsewhere, sent=False),
    "confirmation on another device": Row(confirmed_elsewhere),
    "tampered token, another device": Row(confirmed_with_a_changed_link, sent=False),
    "tampered token, same device": Row(confirmed_at_home_with_a_changed_link),
    "other subdomain": Row(other_subdomain),
    "day 30 on Safari": Row(day_30_on_safari),
    "day 30, tampered cookie": Row(day_30_on_safari_with_a_changed_cookie, sent=False),
    "blocked script": Row(blocked_script, tid=False, ref_id="anna"),
    "SPA header": Row(spa_header),
    "consent refused": Row(consent_refused, sent=False),
    "consent given later": Row(consent_given_later),
    "key rotated in between": Row(key_rotated),
}


def arrived(sandbox: Sandbox, email: str, count: int) -> list[dict[str, object]]:
    """Wait for that many leads, and a moment more for what is too many."""
    eventually(lambda: len(sandbox.leads(email)) >= count)
    time.sleep(0.3)
    return sandbox.leads(email)


@pytest.mark.parametrize("name", ["flask", "starlette"])
@pytest.mark.parametrize("way", TABLE)
def test_what_the_lead_carries(
    *,
    way: str,
    name: str,
    opened: Opened,
    sandbox: Sandbox,
    oauth_provider: str,
    email: str,
    tmp_path: Path,
) -> None:
    """Which tid, which ref and which address FirstPromoter hears of; or that it hears nothing."""
    row = TABLE[way]
    tid = row.drive(Stage(name, opened, sandbox, oauth_provider, email, tmp_path))
    leads = arrived(sandbox, email, int(row.sent))
    if not row.sent:
        assert leads == []
        assert not sandbox.heard_of(email)
        return
    (lead,) = leads
    expected = (tid if row.tid else None, row.ref_id, row.ip)
    assert (lead["tid"], lead["ref_id"], lead["ip"]) == expected
