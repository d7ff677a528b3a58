"""Waiting for what another thread or process does: for a condition, never for a time.

The bounds end a test that would hang. They are no expectation: a busy machine is slow.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 60.0
"""Seconds, far beyond what anything here takes on a busy machine."""


def eventually(true: Callable[[], object], *, within: float = PATIENCE) -> bool:
    """Wait until something is true.

    Returns:
        Whether it came true in time.
    """
    ends = time.monotonic() + within
    while not true():
        if time.monotonic() > ends:
            return False
        time.sleep(0.01)
    return True


def becomes(look: Callable[[], object], value: object, *, within: float = PATIENCE) -> bool:
    """Wait until something has a value.

    Returns:
        Whether it had it in time.
    """
    return eventually(lambda: look() == value, within=within)


@contextmanager
def ends_within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer; the bound is wide, for machines are noisy."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds
