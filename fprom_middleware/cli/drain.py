"""``fprom drain``: send what is due, once, or until a signal ends it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from ..settings.choices import DeliveryMode
from .decorators import with_fprom
from .output import moment, person_looks
from .pump import Until, pump
from .signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..account import Fprom
    from ..outbox.stats import Counts, Stats

LINE_EVERY: Final = 10.0
"""Seconds between two lines about a drain that goes on."""


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help="Make this many calls at most.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="Begin no further call after this many seconds.",
)
@click.option(
    "--wait", is_flag=True, help="Go on until nothing is pending, what is due later included."
)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C or SIGTERM.")
@with_fprom
def drain(
    fprom: Fprom, *, limit: int | None, seconds: float | None, wait: bool, watch: bool
) -> None:
    """Send what is due in the outbox.

    Any number may run at once, beside the apps' own threads: no lead is claimed twice.
    """
    why = why_nothing(fprom)
    if why is not None:
        click.echo(why)
        return
    until = Until(limit=limit, seconds=seconds, wait=wait, watch=watch)
    with stop_on_signals() as stop, _shown(fprom, limit) as tell:
        counts = pump(fprom, until, stop=stop, tell=tell)
    click.echo(describe(counts, fprom.stats()))


def why_nothing(fprom: Fprom) -> str | None:
    """Say why nothing is drained with these settings; None where it is."""
    if not fprom.settings.enabled:
        return "FPROM_ENABLED=false: nothing is sent."
    if fprom.settings.delivery is DeliveryMode.INLINE:
        return "FPROM_DELIVERY=inline: there is no outbox to drain."
    return None


def describe(counts: Counts, stats: Stats) -> str:
    """Write one line about a drain, and a second one where all is paused.

    Args:
        counts: Calls by what they came to.
        stats: How the outbox stands now.
    """
    line = (
        f"sent {counts['sent']}, duplicate {counts['duplicate']}, "
        f"rejected {counts['rejected']}, due later {counts['failed']}; {stats.pending} pending"
    )
    if stats.paused is not None:
        line += f"\npaused since {moment(stats.paused_since)}: {advice(stats.paused)}"
    return line


def advice(reason: str) -> str:
    """Say what a pause is about, and what ends it."""
    if reason == "unauthorized":
        return (
            "unauthorized. Check FPROM_API_KEY and FPROM_ACCOUNT_ID; one lead is tried every "
            "5 minutes and nothing is dropped."
        )
    return f"{reason}. It ends by itself once a call gets through."


def line_teller(fprom: Fprom) -> Callable[[Counts], None]:
    """Make a `tell` that prints a line every now and then, and only where something was sent."""
    said_at, said = time.monotonic(), 0

    def tell(total: Counts) -> None:
        nonlocal said_at, said
        now, calls = time.monotonic(), sum(total.values())
        if calls > said and now - said_at >= LINE_EVERY:
            click.echo(f"{moment(fprom.clock())} {describe(total, fprom.stats())}")
            said_at, said = now, calls

    return tell


@contextmanager
def _shown(fprom: Fprom, limit: int | None) -> Iterator[Callable[[Counts], None]]:
    if not person_looks():
        yield line_teller(fprom)
        return
    from rich.progress import (  # noqa: PLC0415 - only where a person looks
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        TextColumn("draining"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    ) as progress:
        task = progress.add_task("", total=None)

        def tell(total: Counts) -> None:
            done = total["sent"] + total["duplicate"] + total["rejected"]
            goal = done + fprom.stats().pending
            progress.update(task, completed=done, total=goal if limit is None else min(goal, limit))

        yield tell
