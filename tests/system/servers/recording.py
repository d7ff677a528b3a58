"""A pytest plugin that writes down how each story ended, for `matrix` to make a page of.

Load it with ``-p tests.system.servers.recording --results FILE``.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.servers.cells import FRAMEWORKS, Cell
from tests.system.servers.servers import KINDS

if TYPE_CHECKING:
    import pytest

_ended: dict[tuple[str, str, str], str] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the name of the file."""
    parser.addoption("--results", type=Path, help="where to write how each story ended, as JSON")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note down with each test which story it is: a report knows no parameters."""
    for item in items:
        given = item.callspec.params if hasattr(item, "callspec") else {}
        cell = given.get("cell")
        if isinstance(cell, Cell):
            item.user_properties.append(("story", (cell.framework, cell.server, given["story"])))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep how a test ended: the call's outcome, and what keeps it from being called."""
    if report.when == "call" or report.outcome != "passed":
        for name, value in report.user_properties:
            if name == "story" and isinstance(value, list | tuple):
                framework, server, story = value
                _ended[framework, server, story] = report.outcome


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the file, in the process that has all reports."""
    place: Path | None = session.config.getoption("results")
    if place is None or hasattr(session.config, "workerinput"):
        return
    cells: dict[str, dict[str, dict[str, str]]] = {}
    for (framework, server, story), outcome in _ended.items():
        cells.setdefault(framework, {}).setdefault(server, {})[story] = outcome
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"versions": _versions(), "cells": cells}, indent=1))


def _versions() -> dict[str, str]:
    names = {one.distribution for one in FRAMEWORKS.values()}
    names |= {name for kind in KINDS.values() for name in kind.distributions}
    found = {"Python": platform.python_version()}
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
