"""What decides: acknowledged minus received, after everything that waits was sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fprom_middleware import Fprom
from tests.support.accounts import make_settings
from tests.system.faults.double import GOOD

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tests.system.faults.double import Double

LATER = 3 * 3600.0
"""Seconds: beyond every lease, back-off and pause there can be."""


def find_lost(acknowledged: AbstractSet[str], double: Double) -> set[str]:
    """Return the events that a client was told are durable and that never arrived."""
    return set(acknowledged) - double.received


def drain_fully(outbox_url: str, double: Double, *, seconds: float = 120.0) -> None:
    """Send everything that waits, with every server dead and the API well again."""
    double.follow(GOOD)
    settings = make_settings(outbox_url, base_url=double.url, rate_limit=10_000_000)
    fprom = Fprom(settings, clock=lambda: time.time() + LATER)
    try:
        ends = time.monotonic() + seconds
        # A few rounds: the clock stands beyond all that waits, but not beyond a new back-off.
        while fprom.stats().pending and time.monotonic() < ends:
            fprom.drain(seconds=ends - time.monotonic())
        stats = fprom.stats()
        assert (stats.pending, stats.rejected, stats.not_durable) == (0, 0, 0), dict(stats)
    finally:
        fprom.close()
