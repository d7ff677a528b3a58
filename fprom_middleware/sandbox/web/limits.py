"""How much of a request is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY: Final = 65_536
"""Bytes; a call has a few hundred."""


async def read_body(request: Request) -> bytes | None:
    """Read a body.

    Args:
        request: The request.

    Returns:
        The whole of it; None where it is too long, and then no more than that was read.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)
