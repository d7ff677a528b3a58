"""How the provider tells a shop: signed, again and again until it is heard, and then once more."""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNATURE = "Payments-Signature"
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


async def deliver(url: str, event: Mapping[str, Any], secret: str) -> None:
    """Post an event to a shop until it answers 2xx.

    Args:
        url: The shop's webhook.
        event: What happened.
        secret: What the shop knows the provider by.
    """
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
    headers = {"Content-Type": "application/json", SIGNATURE: signature}
    async with httpx.AsyncClient(headers=headers, timeout=5, trust_env=False) as client:
        wait = FIRST_WAIT_SECONDS
        while not await _is_heard(client, url, body):
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        # Providers promise at least once, not once. This one sees to it that shops know.
        await _is_heard(client, url, body)


async def _is_heard(client: httpx.AsyncClient, url: str, body: bytes) -> bool:
    try:
        return (await client.post(url, content=body)).is_success
    except httpx.HTTPError:
        return False
