"""What the source says of itself: its subjects are named, and its waivers are few."""

from __future__ import annotations

import re

from tests.architecture.imports import read_sources
from tests.architecture.tower import PACKAGE
from tests.support.programs import ROOT

SOURCES = read_sources(ROOT / PACKAGE)
MOST_WAIVERS = 8
"""Waivers in 1,000 lines."""
WAIVER = re.compile(r"# (?:noqa|type: ignore)")


def test_prose_names_its_subject() -> None:
    """A reader is told who does it: the view, the app, the operator."""
    vague = re.compile(r"\b(whoever|nobody|somebody)\b", re.IGNORECASE)

    assert {name: found for name, text in SOURCES.items() if (found := vague.findall(text))} == {}


def test_waivers_are_few() -> None:
    """A rule that is waived often is not a rule; no file waives one as a whole."""
    waivers = sum(len(WAIVER.findall(text)) for text in SOURCES.values())
    lines = sum(text.count("\n") for text in SOURCES.values())

    assert waivers <= MOST_WAIVERS * lines / 1000
    assert [
        name for name, text in SOURCES.items() if re.search(r"# (ruff|flake8): noqa", text)
    ] == []
