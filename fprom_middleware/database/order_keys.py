"""Whom a row is about, as two numbers: events of one customer are sent in their order."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_KEYS: Mapping[str, int | None] = {"email_key": None, "uid_key": None}
"""Of a row that has ended: it keeps no other waiting."""


def order_keys(account: str, body: Mapping[str, Any]) -> dict[str, int | None]:
    """Return the columns that order an event among those of its customer.

    Args:
        account: FirstPromoter's account id.
        body: The event's fields, as the API gets them.

    Returns:
        A signed 64-bit number by column, None where the event has no such field. Two customers
        share one by chance once in 10^19: then one of them waits for the other's events.
    """
    email, uid = body.get("email"), body.get("uid")
    return {
        "email_key": _key(account, "email", same_mailbox(email) if email else None),
        "uid_key": _key(account, "uid", uid),
    }


def same_mailbox(email: str) -> str:
    """Return an address as mail systems take it: otherwise one customer would be two."""
    return email.strip().casefold()


def _key(account: str, name: str, value: str | None) -> int | None:
    if value is None:
        return None
    told = f"{account}\0{name}\0{value}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(told, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
