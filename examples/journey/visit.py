"""One visitor's way through a shop, over real HTTP, with a browser's cookies."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from .cast import ACCOUNT_ID, API_KEY
from .watch import DemoError

TIMEOUT = 5.0


@dataclass(frozen=True)
class Visitor:
    """A person who comes to a shop, registers and buys.

    Attributes:
        shop: The shop's name.
        name: The visitor's name.
        ip: The visitor's own address, as the proxy in front of the shop saw it.
        ref: Whose referral link was followed; None for an organic visitor.
    """

    shop: str
    name: str
    ip: str
    ref: str | None

    @property
    def email(self) -> str:
        """The e-mail address this visitor registers with."""
        return f"{self.name}@{self.shop}.example"


def visit(visitor: Visitor, shop_url: str, sandbox_url: str) -> str | None:
    """Land, do what the page's script does, register; buy, and change one's mind.

    Args:
        visitor: Who comes.
        shop_url: Address of the shop.
        sandbox_url: Address of the local FirstPromoter.

    Returns:
        The tid that FirstPromoter gave this visitor; None for an organic one.

    Raises:
        DemoError: The shop did not do its part.
    """
    # The demo is the proxy: it writes down whose connection it passes on.
    proxied = {"X-Forwarded-For": visitor.ip}
    with httpx.Client(
        base_url=shop_url, headers=proxied, timeout=TIMEOUT, trust_env=False
    ) as browser:
        try:
            landing = browser.get("/", params={"fpr": visitor.ref} if visitor.ref else None)
            _expect(landing, 200, visitor)
            _check_script(landing.text, sandbox_url, visitor)
            tid = None
            if visitor.ref:
                cookies = _run_script(sandbox_url, visitor.ref)
                browser.cookies.update(cookies)
                tid = cookies["_fprom_tid"]
            _expect(browser.get("/register"), 200, visitor)
            answer = browser.post(
                "/register", data={"email": visitor.email, "password": "correct horse"}
            )
            _expect(answer, 303, visitor)
            _expect(browser.get(answer.headers["location"]), 200, visitor)
            _buy(browser, visitor)
        except httpx.HTTPError as error:
            msg = f"{visitor.name}'s visit to the {visitor.shop} shop failed: {error!r}"
            raise DemoError(msg) from error
    return tid


def _buy(browser: httpx.Client, visitor: Visitor) -> None:
    """Pay, take the money back and cancel; all of it is in the account afterwards."""
    answer = browser.post("/buy")
    _expect(answer, 303, visitor)
    checkout = answer.headers["location"]
    for button in ("pay", "refund", "cancel"):
        _expect(browser.post(f"{checkout}/{button}"), 303, visitor)
    account = browser.get("/welcome").text
    for event in ("charge.succeeded", "charge.refunded", "subscription.cancelled"):
        if account.count(event) != 1:
            msg = f"{visitor.name}'s account in the {visitor.shop} shop shows no single {event}"
            raise DemoError(msg)


def _run_script(sandbox_url: str, ref: str) -> dict[str, str]:
    """Do what fpr.js does on a referral link: register the click, then leave the cookies."""
    with httpx.Client(base_url=sandbox_url, timeout=TIMEOUT, trust_env=False) as browser:
        browser.get("/fpr.js").raise_for_status()
        call = {"cid": ACCOUNT_ID, "ref": ref}
        click = browser.post("/click", json=call).raise_for_status().json()
    return {"_fprom_tid": click["tid"], "_fprom_ref": click["ref"]}


def _check_script(page: str, sandbox_url: str, visitor: Visitor) -> None:
    missing = [
        part
        for part in (f'src="{sandbox_url}/fpr.js"', f'{{cid:"{ACCOUNT_ID}"}}', 'fpr("click")')
        if part not in page
    ]
    if missing:
        msg = f"the {visitor.shop} shop's landing page lacks {', '.join(missing)}"
        raise DemoError(msg)
    if API_KEY in page:
        msg = f"the {visitor.shop} shop's landing page shows the API key"
        raise DemoError(msg)


def _expect(answer: httpx.Response, status: int, visitor: Visitor) -> None:
    if answer.status_code != status:
        request = answer.request
        msg = (
            f"the {visitor.shop} shop answered {answer.status_code}, not {status}, "
            f"to {visitor.name}'s {request.method} {request.url.path}"
        )
        raise DemoError(msg)
