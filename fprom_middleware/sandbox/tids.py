"""Visitor ids: shaped like those of the real service, and known again as a sandbox's own."""

from __future__ import annotations

import uuid
from typing import Final
from zlib import crc32

_RANDOM: Final = 14
"""Bytes; the last two of a UUID are their check."""


def make_tid() -> str:
    """Make a visitor id.

    Returns:
        A version 4 UUID.
    """
    random = uuid.uuid4().bytes[:_RANDOM]
    return str(uuid.UUID(bytes=random + _check(random)))


def is_sandbox_tid(tid: str) -> bool:
    """Say whether a sandbox made a visitor id, this one or another, now or earlier.

    Args:
        tid: What a call holds.

    Returns:
        True also for one in 65,536 of all other UUIDs.
    """
    try:
        made = uuid.UUID(tid)
    except ValueError:
        return False
    return str(made) == tid and made.bytes[_RANDOM:] == _check(made.bytes[:_RANDOM])


def _check(random: bytes) -> bytes:
    return crc32(b"fprom sandbox" + random).to_bytes(4, "big")[:2]
