"""Accounts that reach nothing, also where the kit under test does not take them over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fprom_middleware import Fprom
from tests.support.accounts import make_settings

if TYPE_CHECKING:
    from collections.abc import Callable

NOBODY = "http://127.0.0.1:9"
"""Where nothing listens."""


def make_fprom(clock: Callable[[], float] = time.time, **settings: Any) -> Fprom:
    """Make an account that would call at once, and in vain; it has no outbox and no thread."""
    given = {"base_url": NOBODY, "delivery": "inline"} | settings
    return Fprom(make_settings(**given), clock=clock)
