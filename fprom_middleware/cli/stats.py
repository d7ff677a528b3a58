"""``fprom stats``: the figures of the outbox, for a person, a program or Prometheus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from ..database.database import NoOutboxError
from ..outbox.stats import Stats
from ..timestamps import span
from .decorators import with_inspection
from .output import moment, show_table

if TYPE_CHECKING:
    from ..outbox.admin import Inspection

# The memory and the hooks are those of the web processes: this one cannot know.
_OF_A_PROCESS: Final = {"not_durable", "hook_errors"}
_MOMENTS: Final = {"paused_since", "next_try_at"}


@click.command()
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--prometheus", "form", flag_value="prometheus", help="Print Prometheus' text form.")
@with_inspection
def stats(inspection: Inspection, *, form: str | None) -> None:
    """Show the figures of the outbox; `fprom outbox` lists what they are made of."""
    try:
        found = inspection.stats()
    except NoOutboxError:
        if form is None:
            raise
        # To a program that is no news: nothing waits.
        found = Stats()
    if form == "prometheus":
        click.echo(prometheus(found), nl=False)
        return
    figures = {name: value for name, value in dict(found).items() if name not in _OF_A_PROCESS}
    if form == "json":
        click.echo(json.dumps(figures, indent=2))
    else:
        show_table(("figure", "value"), [(name, _cell(name, v)) for name, v in figures.items()])


def prometheus(stats: Stats) -> str:
    """Write figures in Prometheus' text format, version 0.0.4.

    Args:
        stats: Of the outbox.

    Returns:
        Gauges, times in seconds. That nothing waits is an age of 0; while the account is paused
        the reason is a label.
    """
    reason = "" if stats.paused is None else f'{{reason="{_escaped(str(stats.paused))}"}}'
    gauges: tuple[tuple[str, str, str, float], ...] = (
        ("pending", "Events that wait, those on their way included.", "", stats.pending),
        ("oldest_age_seconds", "Since the oldest of them was queued.", "", stats.oldest_age or 0),
        ("rejected", "Events that FirstPromoter will never take, of 30 days.", "", stats.rejected),
        ("paused", "1 while nothing is sent.", reason, int(stats.paused is not None)),
    )
    lines: list[str] = []
    for figure, text, labels, value in gauges:
        name = f"fprom_outbox_{figure}"
        lines += f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name}{labels} {value}"
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    # A damaged row may hold any text.
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _MOMENTS:
        return moment(value)
    return span(value) if name == "oldest_age" else str(value)
