"""The deliveries that are open in this process: closed at its end, left alone in its children."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING

from ..forking import call_in_child

if TYPE_CHECKING:
    from .base import Delivery

# Weak: a delivery can outlive its account, until its thread has sent what is due.
_open: weakref.WeakSet[Delivery] = weakref.WeakSet()
_inherited: list[Delivery] = []


def close_at_exit(delivery: Delivery) -> None:
    """Have a delivery closed at the end of the process."""
    _open.add(delivery)


@atexit.register
def close_open() -> None:
    """Close all deliveries that are open."""
    for delivery in list(_open):
        delivery.close()


def _keep_unused() -> None:
    # Were it collected in the child, its connections would be closed under the parent's feet.
    _inherited.extend(_open)
    _open.clear()


call_in_child(_keep_unused)
