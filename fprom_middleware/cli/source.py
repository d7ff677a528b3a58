"""Where a command's `Fprom` comes from: a front door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from ..account import Fprom

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Source:
    """A front door.

    Attributes:
        open: Makes the `Fprom`, or hands out the app's own.
        name: What its settings are read from, for a person.
        shared: True where others use the same `Fprom`: then it is not closed.
    """

    open: Callable[[], Fprom]
    name: str
    shared: bool = False


ENVIRONMENT: Final = Source(Fprom, "the environment")


def current_source() -> Source:
    """Return the door that the running command was called through."""
    context: Any = click.get_current_context()
    return context.find_object(Source) or ENVIRONMENT
