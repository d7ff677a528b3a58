"""Somebody's browser on the way through a shop: real sockets, a real cookie jar."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.system.examples.conftest import Sandbox, Shop

PASSWORD = "correct horse"
PAGE = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
}
VENDOR = ("_fprom_tid", "_fprom_ref")


class NamedHosts(httpx.HTTPTransport):
    """Reaches the shop on this machine under whatever name the browser knows it by."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to this machine; the Host header and the jar keep the name."""
        url = request.url.copy_with(host="127.0.0.1")
        return super().handle_request(
            httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        )


class Browser:
    """One device: a cookie jar, and an address that the proxy in front of the shop writes down.

    Args:
        shop: Where it goes.
        ip: The visitor's address.
        host: The shop's name, where it has one.
    """

    def __init__(self, shop: Shop, ip: str, host: str = "127.0.0.1") -> None:
        port = urlsplit(shop.server.url).port
        self.url = f"http://{host}:{port}"
        self._client = httpx.Client(
            transport=NamedHosts(), headers={**PAGE, "X-Forwarded-For": ip}, timeout=PATIENCE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """The jar, by name."""
        return {cookie.name: cookie.value or "" for cookie in self._client.cookies.jar}

    def move(self, shop: Shop, *, host: str = "127.0.0.1", ip: str | None = None) -> None:
        """Go on elsewhere with the same jar."""
        self.url = f"http://{host}:{urlsplit(shop.server.url).port}"
        if ip is not None:
            self._client.headers["X-Forwarded-For"] = ip

    def get(self, path: str) -> httpx.Response:
        """Open a page; redirects are not followed."""
        return self._client.get(path if "://" in path else self.url + path)

    def post(
        self, path: str, data: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send a form."""
        return self._client.post(self.url + path, data=data, headers=headers)

    def land(self, sandbox: Sandbox, ref: str = "anna", *, blocked: bool = False) -> str:
        """Follow a referral link, and do what the script does unless it is blocked.

        Returns:
            The tid; nothing where the script is blocked.
        """
        page = self.get(f"/?fpr={ref}")
        assert page.status_code == 200
        assert f'src="{sandbox.url}/fpr.js"' in page.text
        if blocked:
            return ""
        tid = sandbox.click(ref)
        for name, value in zip(VENDOR, (tid, ref), strict=True):
            self.write(name, value)
        # The next page is the first that comes with the script's cookies.
        assert self.get("/register").status_code == 200
        return tid

    def write(self, name: str, value: str) -> None:
        """Write a cookie as a script on the page does."""
        host = urlsplit(self.url).hostname or ""
        self._client.cookies.set(name, value, domain=host, path="/")

    def forget(self, *names: str) -> None:
        """Lose cookies."""
        for name in names:
            self._client.cookies.delete(name)

    def register(self, email: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Send the registration form."""
        return self.post("/register", {"email": email, "password": PASSWORD}, headers)

    def press(self, page: str, *buttons: str) -> None:
        """Press buttons of a page of the payment provider's, which leads back each time."""
        for button in buttons:
            answer = self._client.post(f"{page}/{button}")
            assert (answer.status_code, answer.headers["location"]) == (303, f"{self.url}/welcome")

    def confirm(self, link: str, **changes: str) -> httpx.Response:
        """Open the link of a mail and press the button, with fields changed where asked."""
        parts = urlsplit(link)
        page = self.get(f"{parts.path}?{parts.query}")
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
        return self.post("/confirm", {n: unescape(v) for n, v in fields.items()} | changes)


def state_of(url: str) -> str:
    """Return the OAuth state that a URL holds."""
    return parse_qs(urlsplit(url).query)["state"][0]


def altered(token: str) -> str:
    """Change one character in the middle."""
    middle = len(token) // 2
    return token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
