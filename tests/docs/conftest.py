"""The tests' root on the path, and FirstPromoter on a loopback socket."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.carry.kit import Account  # noqa: E402 - the path comes first
from tests.commands.loopback import LoopbackApi, loopback_api  # noqa: E402

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
