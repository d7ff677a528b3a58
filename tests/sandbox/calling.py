"""A double whose clock stands still, and calls to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from fprom_middleware.sandbox import Answer, FirstPromoterDouble

NOW = datetime(2026, 11, 2, 9, 30, 0, 250_000, tzinfo=UTC)
HEADERS = {
    "Authorization": "Bearer sandbox-key",
    "Account-ID": "sandbox-account",
    "Content-Type": "application/json",
}
BLANK = {"message": "Error. Email and uid can not be blank!"}
NOT_FOUND = {
    "message": "Referral corresponding to email or uid parameter not found or promoter is banned.",
    "code": "not_found",
}


def make_double(**options: Any) -> FirstPromoterDouble:
    """Make a double whose clock stands still."""
    return FirstPromoterDouble(**{"clock": NOW.timestamp} | options)


def call(double: FirstPromoterDouble, kind: str, /, **fields: Any) -> Answer:
    """Make an authorized call with these fields."""
    return double.call(kind, HEADERS, json.dumps(fields).encode())


def signup(double: FirstPromoterDouble, /, **fields: Any) -> Answer:
    """Make an authorized sign-up with these fields."""
    return double.signup(HEADERS, json.dumps(fields).encode())


def make_customer(double: FirstPromoterDouble, /, **names: str) -> None:
    """Sign a customer up by anna's link: Kim, unless told otherwise."""
    tid = double.click("anna").tid
    assert signup(double, tid=tid, **names or {"email": "kim@example.com"}).status == 200
