"""``fprom find``: what became of one customer's sign-up, and of their sales."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import click

from ..database.database import NoOutboxError
from ..outbox.lookup import explain_nothing, find_of
from .decorators import with_inspection
from .output import advice
from .rows import as_figures, show_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..outbox.admin import Inspection, OutboxRow

_NO_KEY: Final = (
    "FPROM_API_KEY is not set: what was delivered is found with it only, so this is what waits "
    "and what was rejected."
)


@click.command()
@click.argument("whom", metavar="EMAIL|UID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for a program.")
@with_inspection
def find(inspection: Inspection, *, whom: str, as_json: bool) -> None:
    """Say what became of a customer's events: what waits, what was sent, what was rejected.

    What was delivered is found for FPROM_HISTORY_DAYS, with the API key that it was sent with.
    """
    if not whom.strip():
        msg = "name an e-mail address or a uid."
        raise click.UsageError(msg)
    if as_json:
        _print(inspection, whom)
        return
    rows = find_of(inspection, whom)
    click.echo(f"outbox: {inspection.place}")
    if rows:
        show_rows(rows)
        _tell_pause(inspection, rows)
    else:
        click.echo(explain_nothing(inspection.outbox.history.days))
    if not inspection.outbox.history.has_key:
        click.echo(_NO_KEY)


def _print(inspection: Inspection, whom: str) -> None:
    history = inspection.outbox.history
    rows: Sequence[OutboxRow] = ()
    place: str | None = inspection.place
    try:
        rows = find_of(inspection, whom)
    except NoOutboxError:
        place = None
    figures = {
        "outbox": place,
        # False: without the API key, what was delivered is not looked for.
        "history": history.has_key,
        "history_days": history.days,
        "events": [as_figures(row) for row in rows],
    }
    click.echo(json.dumps(figures, indent=2))


def _tell_pause(inspection: Inspection, rows: Sequence[OutboxRow]) -> None:
    if any(row.due_at is not None for row in rows):
        stats = inspection.stats()
        if stats.paused is not None:
            click.echo(advice(stats))
