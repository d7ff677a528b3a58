"""What every fault meets: the double, an outbox on either database, and a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.services import postgresql_database
from tests.system.faults.double import Double
from tests.system.faults.scale import pick

if TYPE_CHECKING:
    from collections.abc import Iterator


LIMIT = pick(300, 1800)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the long form its time."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.timeout(LIMIT))


@pytest.fixture
def double(tmp_path: Path) -> Iterator[Double]:
    """FirstPromoter, in good health."""
    with Double(tmp_path / "received.jsonl") as running:
        yield running


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An outbox on a database of its own of the PostgreSQL server."""
    with postgresql_database("faults") as url:
        yield url
