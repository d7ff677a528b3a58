"""``fprom drain``: send what is due, once, or until a signal ends it."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from ..delivery.durable import OutboxDelivery
from ..delivery.loop import DrainLoop
from ..errors import FpromOutboxError
from ..events.receipt import Reason
from .decorators import with_fprom
from .output import advice, moment, terminal
from .signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..account import Fprom
    from ..outbox.stats import Counts, Stats
    from ..settings.model import FpromSettings

POLL_SECONDS: Final = 0.5
"""Between looks at an outbox in which nothing may be sent right now."""
LINE_EVERY_SECONDS: Final = 10.0
"""Between two lines about a drain that goes on."""


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
@click.option(
    "--watch",
    is_flag=True,
    help="Go on until Ctrl-C or SIGTERM, also while the database is away.",
)
@with_fprom
def drain(
    fprom: Fprom, *, limit: int | None, seconds: float | None, wait: bool, watch: bool
) -> None:
    """Send what is due in the outbox.

    Any number may run at once, beside the apps' own threads: no event is claimed twice. The exit
    status is 1 where the API refuses the credentials.
    """
    if watch and (limit is not None or seconds is not None or wait):
        msg = "--watch goes on until a signal: leave out --limit, --seconds and --wait."
        raise click.UsageError(msg)
    delivery = fprom.delivery
    if not isinstance(delivery, OutboxDelivery):
        click.echo(why_nothing(fprom.settings))
        return
    with _shown(fprom, limit) as tell:
        if watch:
            loop = watch_loop(delivery, tell)
            with stop_on_signals(loop.stop):
                counts = loop.run()
        else:
            stop = threading.Event()
            with stop_on_signals(stop.set):
                counts = delivery.drain(
                    limit=limit, seconds=seconds, wait=wait, stop=stop, on_progress=tell
                )
    stats = fprom.stats()
    click.echo(describe(counts, stats))
    if stats.paused == Reason.UNAUTHORIZED:
        # Other pauses end by themselves.
        raise SystemExit(1)


def watch_loop(delivery: OutboxDelivery, tell: Callable[[Counts], None]) -> DrainLoop:
    """Make the loop that drains until it is told to stop.

    It outlives an outage of the database; a wrong setting and a mistake of ours end it.

    Args:
        delivery: What to drain.
        tell: Called after each batch with all calls so far.
    """
    return DrainLoop(
        delivery,
        stop=threading.Event(),
        on_progress=tell,
        longest_sleep=POLL_SECONDS,
        survives=(FpromOutboxError,),
    )


def why_nothing(settings: FpromSettings) -> str:
    """Say why nothing is drained with these settings."""
    if not settings.enabled:
        return "FPROM_ENABLED=false: nothing is sent."
    return f"FPROM_DELIVERY={settings.delivery}: there is no outbox to drain."


def describe(counts: Counts, stats: Stats) -> str:
    """Write one line about a drain, and a second one where all is paused.

    Args:
        counts: Calls by what they came to.
        stats: How the outbox stands now.
    """
    line = (
        f"sent {counts['sent']}, duplicate {counts['duplicate']}, skipped {counts['skipped']}, "
        f"rejected {counts['rejected']}, due later {counts['failed']}; {stats.pending} pending"
    )
    if stats.paused is not None:
        line += f"\n{advice(stats)}"
    return line


def line_teller(fprom: Fprom) -> Callable[[Counts], None]:
    """Make a `tell` that prints a line every now and then."""
    said_at = time.monotonic()

    def tell(total: Counts) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= LINE_EVERY_SECONDS:
            click.echo(f"{moment(fprom.clock())} {describe(total, fprom.stats())}")
            said_at = time.monotonic()

    return tell


@contextmanager
def _shown(fprom: Fprom, limit: int | None) -> Iterator[Callable[[Counts], None]]:
    drawn = terminal()
    if drawn is None:
        yield line_teller(fprom)
        return
    with drawn.bar("draining") as show:

        def tell(total: Counts) -> None:
            done = sum(total.values()) - total["failed"]
            goal = done + fprom.stats().pending
            show(done, goal if limit is None else min(goal, limit))

        yield tell
