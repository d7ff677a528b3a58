"""``fprom resume``: end a pause now, once its cause is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .decorators import with_inspection

if TYPE_CHECKING:
    from ..outbox.admin import Inspection


@click.command()
@with_inspection
def resume(inspection: Inspection) -> None:
    """End the account's pause: what is due is sent again at once.

    A pause ends by itself, too; after the API key was corrected this command, or a successful
    `fprom check --send`, spares the wait.
    """
    if inspection.outbox.resume():
        click.echo("resumed: what is due is sent by the next drain")
    else:
        click.echo("nothing is paused")
