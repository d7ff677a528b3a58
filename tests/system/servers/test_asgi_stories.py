"""The ten stories in every shop that runs on a server of ASGI, and in aiohttp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system.servers.cells import ASYNC_CELLS
from tests.system.servers.stories import STORIES

if TYPE_CHECKING:
    from tests.system.servers.shop import Shop


@pytest.mark.parametrize("cell", ASYNC_CELLS, ids=str, indirect=True, scope="module")
@pytest.mark.parametrize("story", STORIES)
def test_a_story_ends_as_it_must(cell: Shop, story: str) -> None:
    """Each in one sentence, in its docstring."""
    STORIES[story](cell)
