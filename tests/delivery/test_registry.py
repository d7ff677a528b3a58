"""What is open in this process: closed at its end, left alone in its children."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from fprom_middleware.delivery import registry
from fprom_middleware.delivery.memory import MemoryDelivery

if TYPE_CHECKING:
    import pytest


class Counted(MemoryDelivery):
    """A delivery that counts how often it is closed."""

    closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


def test_what_is_open_is_closed_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the interpreter calls it; what is gone is gone."""
    monkeypatch.setattr(registry, "_open", weakref.WeakSet())
    one, other = Counted(), Counted()
    for delivery in (one, other):
        registry.close_at_exit(delivery)
    del other, delivery
    registry.close_open()

    assert one.closed == 1
    assert set(registry._open) == {one}


def test_a_child_closes_nothing_and_collects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it inherited is its parent's."""
    monkeypatch.setattr(registry, "_open", weakref.WeakSet())
    monkeypatch.setattr(registry, "_inherited", [])
    inherited = Counted()
    registry.close_at_exit(inherited)
    registry._keep_unused()
    registry.close_open()

    assert inherited.closed == 0
    assert registry._inherited == [inherited]
