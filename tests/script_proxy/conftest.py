"""The vendor, and a door of each kind before it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.script_proxy.doors import DOORS, Door, open_door
from tests.support.misbehaving import Server, serving
from tests.support.vendor import play, script_settings

if TYPE_CHECKING:
    from collections.abc import Iterator


class OpenDoor(Protocol):
    """Opens a door to the vendor."""

    def __call__(self, *, mount: str = "", **settings: Any) -> Door:
        """Open it with more FPROM_* keys; the test's end closes it."""
        ...


@pytest.fixture
def vendor() -> Iterator[Server]:
    """The vendor, in good health."""
    with serving(play) as server:
        yield server


@pytest.fixture(params=DOORS)
def open_it(request: pytest.FixtureRequest, vendor: Server) -> Iterator[OpenDoor]:
    """A door of each kind in turn."""
    with ExitStack() as stack:

        def open_one(*, mount: str = "", **settings: Any) -> Door:
            given = script_settings(vendor, **settings)
            return stack.enter_context(open_door(request.param, given, mount))

        yield open_one
