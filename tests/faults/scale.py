"""How large the faults are: short within the test run, long by hand."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

LONG = os.environ.get("FPROM_FAULTS", "short") == "long"


def pick(short: T, long: T) -> T:
    """Return the figure of this run."""
    return long if LONG else short
