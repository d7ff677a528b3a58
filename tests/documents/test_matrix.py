"""docs/matrix.md: the page names what the suite runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.servers.cells import CELLS, FRAMEWORKS
from tests.system.servers.matrix import PAGE, main, render, without_versions
from tests.system.servers.stories import STORIES

if TYPE_CHECKING:
    from pathlib import Path


def test_the_page_is_of_today_s_cells() -> None:
    """Frameworks, servers, stories and what differs; `make matrix` writes it anew."""
    cells = {name: dict.fromkeys(one.servers) for name, one in FRAMEWORKS.items()}
    assert without_versions(PAGE.read_text()) == without_versions(render(cells, {}))


def test_a_page_is_made_of_passes_only(tmp_path: Path) -> None:
    """A failed story and a cell that was not run are named, and the page stays as it was."""
    before = PAGE.read_text()
    ended: dict[str, dict[str, dict[str, str]]] = {}
    for cell in CELLS[1:]:
        ended.setdefault(cell.framework, {})[cell.server] = dict.fromkeys(STORIES, "passed")
    ended[CELLS[-1].framework][CELLS[-1].server]["organic"] = "failed"
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"versions": {}, "cells": ended}))

    with pytest.raises(SystemExit) as refusal:
        main(results)

    named = str(refusal.value).splitlines()[1:]
    assert named == [*(f"{CELLS[0]}: {name}" for name in STORIES), f"{CELLS[-1]}: organic"]
    assert PAGE.read_text() == before
