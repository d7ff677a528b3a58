"""The stand-in for fpr.js in a real browser, on real pages, with real cookies."""

from __future__ import annotations

import json
import queue
import re
import socket
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
import uvicorn

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.app import create_app
from tests.system.browser.chromium import browse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT = 60
# The vendor's own loader, then the page's part in the test.
PAGE = """<!doctype html><meta charset="utf-8"><title>shop</title><link rel="icon" href="data:,">
<script>
const real = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
const written = [];
Object.defineProperty(document, "cookie", {
  get() { return real.get.call(document); },
  set(text) { written.push(text); real.set.call(document, text); },
});
function until(test, then) { test() ? then() : setTimeout(() => until(test, then), 20); }
function holds(text) { return document.cookie.includes(text); }
function go(url) { location.href = url; }
(function(w){w.fpr=w.fpr||function(){w.fpr.q = w.fpr.q||[];
w.fpr.q[arguments[0]=='set'?'unshift':'push'](arguments);};})(window);
fpr("init", {cid: "%(cid)s"});
fpr("click");
</script>
<script src="%(sandbox)s/fpr.js" async></script>
<script>%(act)s</script>"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One page request as the shop's server saw it."""

    path: str
    cookies: dict[str, str]


class Shop:
    """A site whose pages carry the tracking script, and what its server saw."""

    def __init__(self, sandbox: str) -> None:
        self.acts: dict[str, str] = {}
        self.cid = "sandbox-account"
        self._sandbox = sandbox
        self._visits: queue.Queue[Visit] = queue.Queue()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = shop.serve(self.path, self.headers.get("cookie", ""))
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def serve(self, path: str, cookie: str) -> bytes:
        """Note the visit and write the page."""
        pairs = (pair.split("=", 1) for pair in cookie.split("; ") if pair)
        self._visits.put(Visit(path, dict(pairs)))
        act = self.acts.get(urlsplit(path).path, "")
        return (PAGE % {"cid": self.cid, "sandbox": self._sandbox, "act": act}).encode()

    def wait_for(self, path: str) -> Visit:
        """Wait until the browser asks for a page."""
        while True:
            visit = self._visits.get(timeout=WAIT)
            if urlsplit(visit.path).path == path:
                return visit


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a fresh double."""
    return FirstPromoterDouble()


@pytest.fixture
def shop(double: FirstPromoterDouble) -> Iterator[Shop]:
    """Serve a shop and its sandbox on loopback sockets of their own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(double, base_url=address)
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
        sandbox = uvicorn.Server(config)
        site = Shop(address)
        threads = [
            threading.Thread(target=sandbox.run, args=([listener],)),
            threading.Thread(target=site.server.serve_forever, args=(0.05,)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield site
        finally:
            sandbox.should_exit = True
            site.server.shutdown()
            for thread in threads:
                thread.join(WAIT)
            site.server.server_close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_referral_link_leaves_both_cookies(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path, host: str
) -> None:
    """The click is registered, and the next page's request carries tid and ref."""
    shop.acts["/"] = "until(() => holds('_fprom_ref='), () => go('/next'))"

    with browse(f"http://{host}:{shop.port}/?utm=x&fpr=anna", tmp_path):
        landing, following = shop.wait_for("/"), shop.wait_for("/next")

    (click,) = double.clicks
    assert landing.cookies == {}
    assert following.cookies == {"_fprom_tid": click.tid, "_fprom_ref": "anna"}
    assert (click.ref_id, click.ip) == ("anna", "127.0.0.1")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_cookies_are_written_as_the_real_script_writes_them(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path, host: str
) -> None:
    """60 days, path=/, escape()d; no Secure, no SameSite, and no domain on this machine."""
    shop.acts["/"] = (
        "until(() => holds('_fprom_ref='),"
        " () => go('/end?' + encodeURIComponent(JSON.stringify([Date.now(), written]))))"
    )
    ref = "jó ✓;x=1"

    with browse(f"http://{host}:{shop.port}/?fpr=j%C3%B3%20%E2%9C%93%3Bx%3D1", tmp_path):
        end = shop.wait_for("/end")

    (click,) = double.clicks
    assert click.ref_id == ref
    assert end.cookies["_fprom_ref"] == "j%F3%20%u2713%3Bx%3D1"
    now, written = json.loads(unquote(urlsplit(end.path).query))
    assert len(written) == 2
    for text, name in zip(written, ("_fprom_tid", "_fprom_ref"), strict=True):
        match = re.fullmatch(rf"{name}=\S+; expires=([\w:, ]+ GMT); path=/", text)
        assert match is not None
        left = parsedate_to_datetime(match[1]).timestamp() - now / 1_000
        assert left == pytest.approx(60 * 24 * 3_600, abs=60)


def test_only_another_ref_is_another_click(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path
) -> None:
    """The same link again registers nothing; the last promoter's link wins."""
    shop.acts |= {
        "/": "until(() => holds('_fprom_ref=anna'), () => go('/same?fpr=anna'))",
        "/same": "until(() => window.FPROM, () => setTimeout(go, 300, '/plain'))",
        "/plain": "until(() => window.FPROM, () => setTimeout(go, 300, '/other?via=bea'))",
        "/other": "until(() => holds('_fprom_ref=bea'), () => go('/end'))",
    }

    with browse(f"http://localhost:{shop.port}/?fp_ref=anna", tmp_path):
        end = shop.wait_for("/end")

    assert [click.ref_id for click in double.clicks] == ["anna", "bea"]
    assert end.cookies == {"_fprom_tid": double.clicks[1].tid, "_fprom_ref": "bea"}


def test_no_cookie_before_the_tracker_answered_200(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path
) -> None:
    """A refused click leaves no cookie, as a blocked tracker does."""
    shop.cid = "another-account"
    shop.acts["/"] = "until(() => window.FPROM, () => setTimeout(go, 500, '/end'))"

    with browse(f"http://localhost:{shop.port}/?fpr=anna", tmp_path):
        end = shop.wait_for("/end")

    assert end.cookies == {}
    assert double.clicks == ()


def test_an_organic_visitor_gets_no_cookie(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path
) -> None:
    """Without a referral parameter nothing is called and nothing written."""
    shop.acts["/"] = "until(() => window.FPROM, () => setTimeout(go, 300, '/end'))"

    with browse(f"http://localhost:{shop.port}/?utm_source=fpr&xfpr=anna&fpr=", tmp_path):
        end = shop.wait_for("/end")

    assert end.cookies == {}
    assert double.clicks == ()


def test_the_root_domain_shares_the_cookies(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path
) -> None:
    """A click on www is known on the app's own host name."""
    shop.acts["/"] = (
        "until(() => holds('_fprom_ref='),"
        " () => go(location.origin.replace('www.', 'app.') + '/next'))"
    )

    with browse(f"http://www.shop.localhost:{shop.port}/?fpr=anna", tmp_path):
        following = shop.wait_for("/next")

    (click,) = double.clicks
    assert following.cookies == {"_fprom_tid": click.tid, "_fprom_ref": "anna"}


def test_a_link_can_carry_the_visitor_to_another_root_domain(
    shop: Shop, double: FirstPromoterDouble, tmp_path: Path
) -> None:
    """``fpc`` brings tid and ref along, without a second click."""
    tid = double.click("anna").tid
    shop.acts["/"] = "until(() => holds('_fprom_ref='), () => go('/next'))"

    with browse(f"http://localhost:{shop.port}/?fpc={tid}--YW5uYQ==", tmp_path):
        following = shop.wait_for("/next")

    assert following.cookies == {"_fprom_tid": tid, "_fprom_ref": "anna"}
    assert len(double.clicks) == 1
