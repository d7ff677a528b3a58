"""The vendor's script and tracker on a socket, and what a site's own requests carry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.support.accounts import ACCOUNT, KEY
from tests.support.misbehaving import Request, Server, compose

if TYPE_CHECKING:
    from tests.support.misbehaving import Talk

PREFIX: Final = "/partners"
SCRIPT: Final = b"/* stands for the vendor's */ var to = window.proxy_fpr_tr_url;"
ETAG: Final = '"of-the-vendor"'
ANSWER: Final = {"tid": "tid-of-the-vendor", "ref_id": "anna"}
FORM: Final = (
    b"cid=account-7&event=click&ref_id=anna&url=https%3A%2F%2Fshop.example%2F%3Ffpr%3Danna"
)
CANARIES: Final = {
    "Cookie": "sessionid=CANARY-cookie",
    "Authorization": "Bearer CANARY-authorization",
    "Proxy-Authorization": "Basic CANARY-proxy",
    "X-Api-Key": "CANARY-custom",
    "X-Csrftoken": "CANARY-token",
    "X-Real-Ip": "198.51.100.9",
    "Forwarded": "for=198.51.100.9;by=CANARY",
    "Via": "1.1 CANARY",
    "Accept": "CANARY/x",
    "Traceparent": "00-CANARY",
}
"""Headers of the site's own, which are nobody else's business."""
BROWSER: Final = {
    "Host": "shop.example",
    "Origin": "https://shop.example",
    "Sec-Fetch-Site": "same-origin",
    "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
    "User-Agent": "Mozilla/5.0 (a browser)",
    "Referer": "https://shop.example/?fpr=anna",
    "Accept-Language": "de,en;q=0.5",
}
SENT_NAMES: Final = {
    "host",
    "content-length",
    "content-type",
    "user-agent",
    "referer",
    "accept-language",
    "x-forwarded-for",
}
"""All that a call may go out with."""


def script_settings(vendor: Server, **more: object) -> dict[str, object]:
    """FPROM_* keys of an account whose script's calls reach a server of the test's own."""
    return {
        "FPROM_API_KEY": KEY,
        "FPROM_ACCOUNT_ID": ACCOUNT,
        "FPROM_BASE_URL": vendor.url,
        "FPROM_DELIVERY": "inline",
        "FPROM_SCRIPT_PROXY": PREFIX,
        "FPROM_SEND_IP": "any",
        **more,
    }


def play(talk: Talk) -> None:
    """Answer one request as the vendor does, with headers that are not for the site's pages."""
    request = talk.read()
    if request.line.startswith("GET "):
        if request.get("if-none-match") == ETAG:
            talk.send(compose(304, headers={"ETag": ETAG}))
            return
        headers = {"Content-Type": "text/javascript", "ETag": ETAG, "Set-Cookie": "a=CANARY-b"}
        talk.send(compose(200, SCRIPT, headers=headers))
        return
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "max-age=0, private",
        "Set-Cookie": "vendor=CANARY-vendor",
        "Access-Control-Allow-Origin": "*",
        "X-Powered-By": "CANARY",
    }
    talk.send(compose(200, json.dumps(ANSWER).encode(), headers=headers))


def header_names(request: Request) -> set[str]:
    """Return the names of a request's headers."""
    return {name.lower() for name, _ in request.headers}


def whole(request: Request) -> str:
    """Return all of a request as one text, to look for what must not be in it."""
    lines = [f"{name}: {value}" for name, value in request.headers]
    return "\n".join([request.line, *lines, request.body.decode("latin-1")])
