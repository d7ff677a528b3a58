"""Ten sign-ups, each in one sentence, that end alike in every shop."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

from tests.support.visits import COOKIE
from tests.support.waiting import eventually
from tests.system.servers.shop import new_email
from tests.system.servers.shops.registration import REFUSAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.servers.shop import Shop

TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
IP = "203.0.113.77"
LEAD = {"tid": TID, "ip": IP}
REFERRED = f"Cookie: _ga=GA1.1; _fprom_tid={TID}; _fprom_ref=anna".encode()
FORWARDED = f"X-Forwarded-For: {IP}".encode()
BROWSER = (b"Accept: text/html", b"Sec-Fetch-Dest: document", b"Sec-Fetch-Mode: navigate")


def referred(shop: Shop) -> None:
    """A referred visitor behind a proxy is reported with its tid and its own address."""
    assert shop.lead(REFERRED, b"X-Forwarded-For: 6.6.6.6, " + IP.encode()) == LEAD


def organic(shop: Shop) -> None:
    """A visitor whom nobody referred is skipped, and FirstPromoter hears nothing."""
    email = new_email()
    answer = shop.sign_up(b"Cookie: _ga=GA1.1", FORWARDED, email=email).body
    assert (answer["status"], answer["reason"]) == ("skipped", "organic")
    assert shop.lead(REFERRED, FORWARDED) == LEAD
    assert shop.calls(email) == []


def direct(shop: Shop) -> None:
    """A visitor past the proxy is itself the visitor, whatever X-Forwarded-For it invents."""
    forged = (b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-For: 203.0.113.1, 127.0.0.1")
    assert shop.lead(REFERRED, *forged, source="127.0.0.2") == {"tid": TID, "ip": "127.0.0.2"}


def ipv6(shop: Shop) -> None:
    """A visitor with IPv6 is reported with its address, without brackets and port."""
    forwarded = b"X-Forwarded-For: [2001:db8::7]:51234"
    assert shop.lead(REFERRED, forwarded) == {"tid": TID, "ip": "2001:db8::7"}


def link(shop: Shop) -> None:
    """A referral link that redirects is kept by a cookie until a registration days later."""
    answer = shop.visit(*BROWSER, FORWARDED, path="/go?fpr=anna")
    assert answer.status in (302, 303, 307), answer
    written: SimpleCookie = SimpleCookie(answer.header("set-cookie"))
    assert written[COOKIE]["httponly"]
    kept = f"Cookie: {COOKIE}={written[COOKIE].value}".encode()
    assert shop.visit(*BROWSER, kept, FORWARDED).status == 200
    assert shop.lead(kept, FORWARDED) == {"ref_id": "anna", "ip": IP}


def legacy(shop: Shop) -> None:
    """A visitor with the cookies of the vendor's older script is reported as well."""
    assert shop.lead(b"Cookie: _fprom_code=_r_anna", FORWARDED) == {"ref_id": "anna", "ip": IP}
    old = f"Cookie: _fprom_code=_r_anna; _fprom_track={TID}".encode()
    assert shop.lead(old, FORWARDED) == LEAD


def repeated(shop: Shop) -> None:
    """Of several tids, in one Cookie line or in two, the first that counts is reported."""
    one = f"Cookie: _fprom_tid=undefined; _fprom_tid={TID}; _fprom_tid=other".encode()
    assert shop.lead(one, FORWARDED) == LEAD
    two = (b"Cookie: _fprom_tid=; a=1", REFERRED)
    assert shop.lead(*two, FORWARDED) == LEAD


def refused(shop: Shop) -> None:
    """A visitor who refused consent gets no cookie, and FirstPromoter hears nothing."""
    refusal = f"Cookie: {REFUSAL}; _fprom_tid={TID}".encode()
    assert shop.visit(*BROWSER, refusal, path="/?fpr=anna").header("set-cookie") is None
    email = new_email()
    answer = shop.sign_up(refusal, FORWARDED, email=email).body
    assert (answer["status"], answer["reason"]) == ("skipped", "no_consent")
    assert shop.lead(REFERRED, FORWARDED) == LEAD
    assert shop.calls(email) == []


def outage(shop: Shop) -> None:
    """While the API hangs the view answers; the lead outlives that, and a restart of the server."""
    email = new_email()
    with shop.trouble():
        assert shop.sign_up(REFERRED, FORWARDED, email=email).body["status"] == "queued"
        shop.trouble.answering.set()
        assert eventually(shop.waits_for_retry), shop.server.output()
        shop.server.restart()
    tries = len(shop.calls(email))
    assert shop.visit().status == 200
    assert eventually(lambda: len(shop.calls(email)) > tries), shop.server.output()
    told = shop.calls(email)
    assert all(call == told[0] for call in told)
    assert {name: told[0][name] for name in LEAD} == LEAD


def hostile(shop: Shop) -> None:
    """Bytes that no browser sends are no error of the shop's, and the next visitor is reported."""
    for lines in (
        (b"Cookie: \xff\xfe=\xc3\x28; _fprom_tid=a\xff", FORWARDED),
        (b"Cookie: a=" + b"x" * 70_000 + b"; _fprom_tid=late", FORWARDED),
        (REFERRED, b"X-Forwarded-For: " + b"6.6.6.6, " * 5_000 + b"nobody"),
        (REFERRED, b"X-Forwarded-For: \x01\xff", b"Forwarded: for=6.6.6.6"),
    ):
        answer = shop.sign_up(*lines)
        assert answer.status in (200, 0) or 400 <= answer.status < 500, answer
        if answer.status == 200:
            assert answer.body["ip"] in (IP, None), answer
    assert shop.lead(REFERRED, FORWARDED) == LEAD


STORIES: dict[str, Callable[[Shop], None]] = {
    story.__name__: story
    for story in (
        referred,
        organic,
        direct,
        ipv6,
        link,
        legacy,
        repeated,
        refused,
        outage,
        hostile,
    )
}
