"""The tests' root on the path, and FirstPromoter on a loopback socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.loopback import LoopbackApi, loopback_api
from tests.support.visits import Account

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def account() -> Account:
    """An account whose keys sign tokens."""
    return Account()


@pytest.fixture
def api() -> Iterator[LoopbackApi]:
    """FirstPromoter on a loopback socket."""
    with loopback_api() as one:
        yield one
