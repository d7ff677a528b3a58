"""Where a command's settings, and with them its `Fprom`, come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from ..account import Fprom

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """The environment, or a framework's app.

    Attributes:
        open: Makes the `Fprom`, or hands out the app's own.
        name: What the settings are read from, as a person calls it.
        shared: True where the app uses the same `Fprom`: then it is not closed.
    """

    open: Callable[[], Fprom]
    name: str
    shared: bool = False


ENVIRONMENT: Final = SettingsSource(Fprom, "the environment")


def current_source() -> SettingsSource:
    """Return the source of the running command's settings."""
    context: Any = click.get_current_context()
    return context.find_object(SettingsSource) or ENVIRONMENT
