"""What the package still breaks of its own rules, each with what ends it; nothing is added."""

from __future__ import annotations

EXPECTED: dict[tuple[str, str], str] = {}


def expected(kind: str) -> list[str]:
    """Return what is still expected to be found of a kind."""
    return sorted(name for found, name in EXPECTED if found == kind)
