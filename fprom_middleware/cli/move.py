"""``fprom outbox move``: bring what waits in another outbox into this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..database.database import NoOutboxError
from ..outbox.admin import inspect_outbox
from ..outbox.move import move_waiting
from .decorators import with_fprom
from .events import count_events

if TYPE_CHECKING:
    from ..account import Fprom


@click.command()
@click.option("--from", "source", metavar="URL", required=True, help="The other FPROM_OUTBOX_URL.")
@with_fprom
def move(fprom: Fprom, *, source: str) -> None:
    """Move the account's waiting events from another outbox into this one.

    Interrupted, it loses nothing: run it again. Rejected events stay where they are.
    """
    with (
        inspect_outbox(fprom.settings, fprom.clock, url=source) as there,
        inspect_outbox(fprom.settings, fprom.clock, look=False) as here,
    ):
        try:
            there.stats()
        except NoOutboxError as nothing_there:
            msg = f"{nothing_there}."
            raise click.ClickException(msg) from None
        moved = move_waiting(there.outbox.database, here.outbox.database, there.account)
        click.echo(f"{count_events(moved)} moved from {there.place} to {here.place}")
