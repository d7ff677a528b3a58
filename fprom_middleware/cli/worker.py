"""``fprom worker``: drains until a signal stops it, for apps with FPROM_WORKER=none."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import click

from ..delivery.durable import OutboxDelivery
from ..errors import FpromConfigError
from ..hooks import guard_this_thread
from ..outbox.stats import no_counts
from .decorators import with_fprom
from .drain import describe, line_teller, watch_loop, why_nothing
from .signals import stop_on_signals

if TYPE_CHECKING:
    from ..account import Fprom
    from ..delivery.loop import DrainLoop

GRACE_SECONDS: Final = 1.5
"""For which the end waits for the call in flight; its event is safe in any case."""
_POLL_SECONDS: Final = 0.5
"""Not every system wakes a waiting thread for a signal."""


@click.command()
@with_fprom
def worker(fprom: Fprom) -> None:
    """Drain the outbox until Ctrl-C or SIGTERM, for apps with FPROM_WORKER=none."""
    settings = fprom.settings
    delivery = fprom.delivery
    if settings.enabled and not isinstance(delivery, OutboxDelivery):
        raise FpromConfigError(why_nothing(settings))
    where = "none"
    if isinstance(delivery, OutboxDelivery):
        where = delivery.outbox.database.place
    click.echo(f"worker: account {settings.account_id}, outbox {where}")
    if not isinstance(delivery, OutboxDelivery):
        # A staging system runs the same processes; this one must not restart for ever there.
        click.echo(f"{why_nothing(settings)} Ctrl-C stops waiting.")
        told = threading.Event()
        with stop_on_signals(told.set):
            while not told.wait(_POLL_SECONDS):
                pass
        return
    drainer = _Drainer(watch_loop(delivery, line_teller(fprom)))
    drainer.start()
    drainer.wait()
    if drainer.is_alive():
        click.echo("stopped; one call was in flight, its event is sent again later")
    else:
        click.echo(f"stopped; {describe(drainer.counts, fprom.stats())}")


class _Drainer(threading.Thread):
    """The loop beside the main thread, which a hanging call must not keep from ending."""

    def __init__(self, loop: DrainLoop) -> None:
        super().__init__(name="fprom-worker", daemon=True)
        self._loop = loop
        self._told = threading.Event()
        self._error: BaseException | None = None
        self.counts = no_counts()

    def run(self) -> None:
        guard_this_thread()
        try:
            self.counts = self._loop.run()
        except BaseException as error:  # noqa: BLE001 - wait() raises it, whatever it is
            self._error = error

    def wait(self) -> None:
        """Wait for a signal, then shortly for the call in flight.

        Raises:
            click.ClickException: The loop ended by what is no mistake, such as SystemExit.
            Exception: What else ended it.
        """
        with stop_on_signals(self._told.set):
            while self.is_alive() and not self._told.is_set():
                self.join(_POLL_SECONDS)
            self._loop.stop()
            self.join(GRACE_SECONDS)
        if isinstance(self._error, Exception):
            raise self._error
        if self._error is not None:
            msg = f"the drain was ended by {type(self._error).__name__}: nothing is sent any more."
            raise click.ClickException(msg)
