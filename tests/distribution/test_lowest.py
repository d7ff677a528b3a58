"""The lowest versions that pyproject allows."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.distribution.lowest import lowest_versions
from tests.support.programs import ROOT


def test_each_dependency_is_held_at_its_lower_bound() -> None:
    """Those of the extras too, each name once."""
    project = {
        "dependencies": ["httpx>=0.28,<1"],
        "optional-dependencies": {
            "cli": ["click>=8.1.3", "rich>=13"],
            "postgresql": ["psycopg[binary]>=3.2.1 ; python_version < '4'"],
            "sandbox": ["click>=8.1.3"],
        },
    }
    assert lowest_versions(project) == [
        "click==8.1.3",
        "httpx==0.28",
        "psycopg==3.2.1",
        "rich==13",
    ]


@pytest.mark.parametrize("more", ["flask", "flask<4", "httpx>=0.27"])
def test_what_has_no_one_lower_bound_is_refused(more: str) -> None:
    """None at all, or another one elsewhere."""
    project: dict[str, Any] = {
        "dependencies": ["httpx>=0.28"],
        "optional-dependencies": {"more": [more]},
    }
    with pytest.raises(ValueError, match="one lower bound"):
        lowest_versions(project)


def test_our_own_have_one_each() -> None:
    """So that the cell of the lowest versions can be made."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    held = lowest_versions(project)
    assert {"flask==3.0", "sqlalchemy==2.0.31"} <= set(held)
