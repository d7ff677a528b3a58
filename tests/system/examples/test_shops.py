"""Sign-ups in the example shops, through real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from examples.journey import cast
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from .conftest import Sandbox, Shop

IP = "203.0.113.7"


def arrived(sandbox: Sandbox, email: str) -> list[dict[str, object]]:
    """Wait for a lead, whatever the delivery."""
    eventually(lambda: sandbox.leads(email))
    return sandbox.leads(email)


def test_page_carries_the_script_and_no_key(shop: Shop, sandbox: Sandbox) -> None:
    """The landing page loads the script for the account; the API key is in no page."""
    landing = shop.get("/")
    assert f'<script src="{sandbox.url}/fpr.js" async></script>' in landing.text
    assert f'fpr("init",{{cid:"{cast.ACCOUNT_ID}"}});fpr("click");' in landing.text
    for path in ("/", "/register", "/welcome"):
        answer = shop.get(path)
        assert answer.status_code == 200
        # A browser asks for /favicon.ico otherwise, and a 404 stands red in its console.
        assert '<link rel="icon" href="data:,">' in answer.text
        assert cast.API_KEY not in answer.text


def test_referred_signup_arrives(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """A referred sign-up reaches the API with the visitor's tid and address."""
    tid = sandbox.click()
    answer = shop.register(email, cookie=f"_fprom_tid={tid}; _fprom_ref=anna", forwarded=IP)
    assert (answer.status_code, answer.headers["location"]) == (303, "/welcome")
    (lead,) = arrived(sandbox, email)
    assert (lead["tid"], lead["ip"], lead["ref_id"]) == (tid, IP, None)


def test_account_is_committed(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """The account is in the table, its password only as a hash."""
    shop.register(email, cookie=f"_fprom_tid={sandbox.click()}")
    assert shop.users()[email].startswith("scrypt:")


def test_organic_signup_sends_nothing(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """A visitor nobody referred gets an account, and the API never hears of it."""
    assert shop.register(email, cookie="theme=dark", forwarded=IP).status_code == 303
    assert email in shop.users()
    time.sleep(0.3)
    assert not sandbox.heard_of(email)


@pytest.mark.parametrize(
    "cookie",
    [
        '_bad@name:x="unclosed; {}; b',
        '{{"json": [1, 2]}}; {}',
        "=; ;; =x; {}; é=ü",
        'a="x, _fprom_tid=stolen"; {}',
        "my_fprom_tid=other; {}",
    ],
    ids=["unclosed", "json", "nameless", "quoted", "similar"],
)
def test_malformed_cookie_beside_ours(
    shop: Shop, sandbox: Sandbox, email: str, cookie: str
) -> None:
    """Somebody else's odd cookie does not lose the tid."""
    tid = sandbox.click()
    shop.register(email, cookie=cookie.format(f"_fprom_tid={tid}"), forwarded=IP)
    (lead,) = arrived(sandbox, email)
    assert lead["tid"] == tid


def test_forged_address_is_not_believed(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """What a visitor writes in front of the proxy's entry is not the address."""
    cookie = f"_fprom_tid={sandbox.click()}"
    shop.register(email, cookie=cookie, forwarded=f"6.6.6.6, 127.0.0.1, {IP}")
    (lead,) = arrived(sandbox, email)
    assert lead["ip"] == IP


def test_unreadable_address_is_left_out(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """Where the proxy's entry is no address the lead goes without one; nothing is guessed."""
    cookie = f"_fprom_tid={sandbox.click()}"
    shop.register(email, cookie=cookie, forwarded="6.6.6.6, unknown")
    (lead,) = arrived(sandbox, email)
    assert lead["ip"] is None


def test_uvicorn_that_reads_the_header_itself(
    plain_uvicorn_shop: Shop, sandbox: Sandbox, email: str
) -> None:
    """Under uvicorn's defaults, which rewrite the peer, the address is the same."""
    cookie = f"_fprom_tid={sandbox.click()}"
    plain_uvicorn_shop.register(email, cookie=cookie, forwarded=f"6.6.6.6, {IP}")
    (lead,) = arrived(sandbox, email)
    assert lead["ip"] == IP


def test_what_is_off_by_default(shop: Shop) -> None:
    """Confirmation, OAuth and sales are not there unless a setting asks for them."""
    for path in ("/confirm", "/oauth/start", "/oauth/callback", "/buy", "/payments/webhook"):
        assert shop.get(path).status_code == 404
    assert "/oauth/start" not in shop.get("/register").text
    assert "/buy" not in shop.get("/welcome").text
