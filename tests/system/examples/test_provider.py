"""The payment provider of the examples: what a shop may rely on."""

from __future__ import annotations

import asyncio
import hmac
import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from examples.payments import webhooks
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECRET = "of the two"
EVENT = {"type": "charge.succeeded", "id": "ch_1"}


@contextmanager
def webhook(answers: Sequence[int]) -> Iterator[tuple[str, queue.Queue[tuple[bytes, str]]]]:
    """Run a shop's webhook: its address, and what it got; it answers in turn, then 204."""
    got: queue.Queue[tuple[bytes, str]] = queue.Queue()
    left = list(answers)

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put((body, self.headers[webhooks.SIGNATURE]))
            self.send_response(left.pop(0) if left else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", got
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("failures", [[], [500], [302, 403, 503]])
def test_it_repeats_until_it_is_heard(failures: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything but 2xx is said again; what was heard comes a second time, the same, signed."""
    monkeypatch.setattr(webhooks, "FIRST_WAIT_SECONDS", 0.01)
    with webhook(failures) as (url, got):
        asyncio.run(webhooks.deliver(url, EVENT, SECRET))
    assert got.qsize() == len(failures) + 2
    for _ in range(got.qsize()):
        body, signature = got.get()
        assert json.loads(body) == EVENT
        assert signature == hmac.new(SECRET.encode(), body, "sha256").hexdigest()


def ask(payments: str, **changes: Any) -> httpx.Response:
    """Ask for a checkout."""
    checkout = {
        "amount": 2400,
        "currency": "USD",
        "customer": "berta@example.com",
        "webhook_url": "http://127.0.0.1:1/webhook",
        "return_url": "http://127.0.0.1:1/",
    }
    return httpx.post(
        f"{payments}/checkouts", json=checkout | changes, trust_env=False, timeout=PATIENCE
    )


def test_buttons_follow_what_was_done(payments: str) -> None:
    """First there is paying; then each of the other two, once; the ids stay."""
    with webhook([]) as (url, got), httpx.Client(trust_env=False, timeout=PATIENCE) as browser:
        page = ask(payments, webhook_url=url).json()["url"]
        assert "Cancel" not in browser.get(page).text
        for button in ("refund", "pay", "pay", "refund", "cancel", "cancel"):
            assert browser.post(f"{page}/{button}").status_code == 303
        assert "<button>" not in browser.get(page).text
        told = [json.loads(got.get(timeout=PATIENCE)[0]) for _ in range(6)]
        assert got.empty()
    key = page.rpartition("/")[2]
    prefixes = ["ch", "ch", "re", "re", "sub", "sub"]
    assert [event["id"] for event in told] == [f"{prefix}_{key}" for prefix in prefixes]
    assert {event["charge"] for event in told} == {f"ch_{key}"}
    assert {event["manage_url"] for event in told} == {page}


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_url": "https://example.com/"},
        {"return_url": "https://example.com/"},
        {"webhook_url": "http://127.0.0.1.example.com/"},
        {"webhook_url": "http://[bad/"},
        {"done": ["pay"]},
    ],
)
def test_only_shops_of_this_machine(payments: str, changes: dict[str, Any]) -> None:
    """It calls no other machine, and takes nothing that is no checkout."""
    assert ask(payments, **changes).status_code == 400


def test_there_is_no_page_without_a_checkout(payments: str) -> None:
    """A guessed address is not found."""
    assert httpx.get(f"{payments}/checkouts/x", trust_env=False).status_code == 404
