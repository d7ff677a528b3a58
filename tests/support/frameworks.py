"""What every framework must deliver, and the few ways to ask an app for it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from starlette.testclient import TestClient
from werkzeug.test import Client

from fprom_middleware import Receipt, get_tracking, track_signup, track_signup_async
from tests.support.accounts import Account as InlineAccount

EMAIL = "visitor@example.com"
HEADERS = {
    "Cookie": "broken@name=1; _ga=GA1; _fprom_tid=tid-of-the-visitor; last=1",
    "X-Forwarded-For": "6.6.6.6, 203.0.113.77",
}
ORGANIC = {"X-Forwarded-For": "203.0.113.77"}
EXPECTED = {"tid": "tid-of-the-visitor", "ip": "203.0.113.77", "status": "sent", "reason": None}
NOBODY = {"tid": None, "ip": "203.0.113.77", "status": "skipped", "reason": "organic"}


class Account(InlineAccount):
    """An account behind one proxy."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"trusted_proxies": 1, **settings})

    def check(self, answer: Any) -> None:
        """Hold the view's answer and the one lead to what the visitor sent."""
        assert answer == EXPECTED
        (lead,) = self.leads
        assert lead.pop("created_at").endswith("Z")
        assert lead == {"email": EMAIL, "tid": EXPECTED["tid"], "ip": EXPECTED["ip"]}

    def check_wsgi(self, app: Any, headers: dict[str, str] = HEADERS) -> None:
        """Ask a WSGI app: a referred visitor, then an organic one."""
        client = Client(app, use_cookies=False)
        answer = client.post("/signup", headers=headers, data={"email": EMAIL})
        assert answer.status_code == 200, answer.text
        self.check(answer.json)
        answer = client.post("/signup", headers=ORGANIC, data={"email": EMAIL})
        assert answer.json == NOBODY
        assert len(self.leads) == 1

    def check_asgi(self, app: Any, *, lifespan: bool = False) -> None:
        """Ask an ASGI app the same, its lifespan around it where it needs one."""
        client = TestClient(app)
        with client if lifespan else nullcontext():
            answer = client.post("/signup", headers=HEADERS)
            assert answer.status_code == 200, answer.text
            self.check(answer.json())
            assert client.post("/signup", headers=ORGANIC).json() == NOBODY
            assert len(self.leads) == 1


def report(request: object, receipt: Receipt) -> dict[str, str | None]:
    """Say what the view learned."""
    tracking = get_tracking(request)
    return {
        "tid": tracking.tid,
        "ip": tracking.ip,
        "status": receipt.status,
        "reason": receipt.reason,
    }


def sign_up(request: object) -> dict[str, str | None]:
    """Do what a registration view does."""
    return report(request, track_signup(request, EMAIL))


async def sign_up_async(request: object) -> dict[str, str | None]:
    """Do what an async registration view does."""
    return report(request, await track_signup_async(request, EMAIL))
