"""``fprom worker``: drains until a signal stops it, for apps with FPROM_WORKER=none."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import click

from ..errors import FpromConfigError
from ..masking import mask_url
from .decorators import with_fprom
from .drain import describe, line_teller, why_nothing
from .pump import Until, pump
from .signals import stop_on_signals

if TYPE_CHECKING:
    from ..account import Fprom
    from ..outbox.stats import Counts

GRACE: Final = 1.5
"""Seconds for which the end waits for the call in flight; its lead is safe in any case."""


@click.command()
@with_fprom
def worker(fprom: Fprom) -> None:
    """Drain the outbox until Ctrl-C or SIGTERM, for apps with FPROM_WORKER=none."""
    settings = fprom.settings
    why = why_nothing(fprom)
    if why is not None and settings.enabled:
        raise FpromConfigError(why)
    click.echo(f"worker: account {settings.account_id}, outbox {mask_url(settings.outbox_url)}")
    with stop_on_signals() as stop:
        if why is not None:
            # A staging system runs the same processes; this one must not restart for ever there.
            click.echo(f"{why} Ctrl-C stops waiting.")
            _sleep_until(stop)
            return
        pumping = _Pumping(fprom, stop)
        pumping.start()
        _sleep_until(stop)
        pumping.join(GRACE)
    if pumping.error is not None:
        raise pumping.error
    if pumping.is_alive():
        click.echo("stopped; one call was in flight, its lead is sent again later")
    else:
        click.echo(f"stopped; {describe(pumping.counts, fprom.stats())}")


def _sleep_until(stop: threading.Event) -> None:
    # Not for ever at once: not every system wakes a waiting thread for a signal.
    while not stop.wait(0.5):
        pass


class _Pumping(threading.Thread):
    """The pump beside the main thread, which a hanging call must not keep from ending."""

    def __init__(self, fprom: Fprom, stop: threading.Event) -> None:
        super().__init__(name="fprom-worker", daemon=True)
        self._fprom = fprom
        self._wish = stop
        self.counts: Counts = {}
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            tell = line_teller(self._fprom)
            self.counts = pump(self._fprom, Until(watch=True), stop=self._wish, tell=tell)
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.error = error
            self._wish.set()
