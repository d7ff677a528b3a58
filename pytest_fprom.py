"""pytest's door to ``fprom_middleware.testing``.

It stands beside the package and not in it: pytest loads it for every run, and loading any module of
the package loads the package. So nothing of that is loaded before a test asks for it, and coverage,
which begins after plugins are loaded, counts the package's own lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fprom_middleware.testing import FpromMock


@pytest.fixture
def fprom() -> Iterator[FpromMock]:
    """FirstPromoter for one test: nothing leaves, and what was handed in can be asserted."""
    from fprom_middleware.testing import mock_fprom  # noqa: PLC0415 - the door is lazy

    with mock_fprom() as mock:
        yield mock
