"""An account for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.frameworks import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account() -> Iterator[Account]:
    """An account whose API is no farther than this process."""
    one = Account()
    yield one
    one.fprom.close()
