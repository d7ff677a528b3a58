"""How large the faults are: short within the test run, long by hand."""

from __future__ import annotations

import os
import sys
from typing import TypeVar

T = TypeVar("T")

LONG = os.environ.get("FPROM_FAULTS", "short") == "long"


def report(text: object) -> None:
    """Show the figures: they are the result, whoever looks at them (pytest -s)."""
    sys.stdout.write(f"{text}\n")


def pick(short: T, long: T) -> T:
    """Return the figure of this run."""
    return long if LONG else short
