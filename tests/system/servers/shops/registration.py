"""What the registration view of every shop here does, and the page that its visitors come to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fprom_middleware import get_tracking, track_signup, track_signup_async

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fprom_middleware import Receipt

PAGE = "<!doctype html><title>Shop</title>"
HTML = "text/html; charset=utf-8"
REFUSAL = "consent=refused"
"""The cookie that a consent banner leaves."""


def register(request: object, email: str) -> dict[str, Any]:
    """Do what a registration view does."""
    return _say(request, track_signup(request, email))


async def register_async(request: object, email: str) -> dict[str, Any]:
    """Do what an async registration view does."""
    return _say(request, await track_signup_async(request, email))


def agreed(connection: Mapping[str, Any]) -> bool:
    """Say whether the visitor of an environ or a scope has agreed; FPROM_CONSENT names this."""
    if "headers" in connection:
        cookies = b"".join(value for name, value in connection["headers"] if name == b"cookie")
        return REFUSAL.encode() not in cookies
    return REFUSAL not in connection.get("HTTP_COOKIE", "")


def _say(request: object, receipt: Receipt) -> dict[str, Any]:
    tracking = get_tracking(request)
    return {
        "status": receipt.status,
        "reason": receipt.reason,
        "tid": tracking.tid,
        "ref_id": tracking.ref_id,
        "ip": tracking.ip,
        "pid": os.getpid(),
    }
