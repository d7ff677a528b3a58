"""Where a command's settings, and with them its `Fprom`, come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from ..account import Fprom
from ..settings.model import NO_API_KEY, FpromSettings

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY: Final = "FPROM_API_KEY"


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """The environment, or a framework's app.

    Attributes:
        open: Makes the `Fprom`, or hands out the app's own.
        name: What the settings are read from, as a person calls it.
        shared: True where the app uses the same `Fprom`: then it is not closed.
        look: Makes an `Fprom` that only looks at its outbox; None does as `open` does.
    """

    open: Callable[[], Fprom]
    name: str
    shared: bool = False
    look: Callable[[], Fprom] | None = None

    def open_to_look(self) -> Fprom:
        """Open what looks at the outbox; that needs the account id, and no API key."""
        return (self.look or self.open)()


def _look() -> Fprom:
    key = os.environ.get(_KEY, "").strip() or NO_API_KEY
    return Fprom(FpromSettings.from_mapping({**os.environ, _KEY: key}))


ENVIRONMENT: Final = SettingsSource(Fprom, "the environment", look=_look)


def current_source() -> SettingsSource:
    """Return the source of the running command's settings."""
    context: Any = click.get_current_context()
    return context.find_object(SettingsSource) or ENVIRONMENT
