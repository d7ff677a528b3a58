"""The commands as one group, for ``fprom`` itself and for a framework's command line."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from .source import SettingsSource

NAMES: Final = ("check", "drain", "find", "outbox", "resume", "stats", "worker")


class FpromGroup(click.Group):
    """A group that loads a command's module when the command is called or helped with.

    A web app that offers the commands pays nothing for them while it serves.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every command's name."""
        return sorted({*super().list_commands(ctx), *NAMES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of this name."""
        if cmd_name not in NAMES:
            return super().get_command(ctx, cmd_name)
        module = import_module(f".{cmd_name}", __package__)
        command: click.Command = getattr(module, cmd_name)
        return command


def make_group(source: SettingsSource) -> click.Group:
    """Make the group ``fprom`` of a framework's own command line.

    Args:
        source: Where the framework's settings are.

    Returns:
        The group.
    """

    @click.group("fprom", cls=FpromGroup)
    @click.pass_context
    def group(context: click.Context) -> None:
        """Check, look at and drain the outbox of FirstPromoter events."""
        context.obj = source

    return group
