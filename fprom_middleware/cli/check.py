"""``fprom check``: are the settings right, does the database write, does the API answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..database.database import NoOutboxError
from ..database.refusal import REFUSALS, name_refusal
from ..events.payments import DOUBLE_COMMISSION
from ..masking import mask_email, printable
from ..outbox.admin import inspect_outbox
from ..settings.choices import DeliveryMode, WorkerMode
from .decorators import opened, tell_project
from .filesystem import MOUNTS, disk_warning, filesystem_of
from .outbox import tell_others
from .output import advice, show_table
from .settings_view import set_values
from .source import current_source
from .test_lead import EMAIL, TID, explain, key_is_right, send_test_lead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..account import Fprom
    from ..outbox.admin import Inspection


@click.command()
@click.option("--write", is_flag=True, help="Write and delete a row; make the outbox if need be.")
@click.option("--send", is_flag=True, help="Send one test lead to the configured API.")
@click.option(
    "--email",
    default=EMAIL,
    show_default=True,
    help="The test lead's e-mail; a made-up one will do.",
)
@click.option(
    "--tid",
    default=TID,
    help="A visitor id that FirstPromoter knows, for a test lead that it accepts.",
)
def check(*, write: bool, send: bool, email: str, tid: str) -> None:
    """Check the settings, and look at the outbox: nothing is made or changed.

    With --write the outbox's database is tried, with --send the API too. The exit status is 0
    where what was checked is right.
    """
    with opened(look=not (write or send)) as fprom:
        click.echo(f"Settings of {current_source().name}; everything else is at its default:")
        show_table(("key", "value"), list(set_values(fprom.settings)))
        fine = _check_outbox(fprom, write=write)
        for warning in hints(fprom):
            click.echo(f"hint: {warning}")
        # No setting says what bills the customers, so each operator is told.
        click.echo(f"note: {DOUBLE_COMMISSION}")
        tell_project()
        if send:
            fine = _check_api(fprom, email, tid) and fine
    if not fine:
        raise SystemExit(1)


def hints(fprom: Fprom) -> Iterator[str]:
    """Yield what is allowed but often not meant."""
    settings = fprom.settings
    if not settings.enabled:
        yield "FPROM_ENABLED=false: every event is skipped and nothing is sent."
    if settings.trusted_proxies == 0:
        yield (
            "FPROM_TRUSTED_PROXIES=0: the socket's peer counts as the visitor. Behind a load "
            "balancer or proxy name it (a number of hops, or addresses), or every sign-up "
            "carries its address."
        )
    if settings.worker is WorkerMode.NONE and settings.delivery is DeliveryMode.OUTBOX:
        yield (
            "FPROM_WORKER=none: the app sends nothing by itself. Run `fprom worker`, or "
            "`fprom drain` by cron, or call drain() in a job."
        )


def _check_outbox(fprom: Fprom, *, write: bool) -> bool:
    settings = fprom.settings
    if settings.delivery is not DeliveryMode.OUTBOX:
        click.echo(f"database: none, FPROM_DELIVERY={settings.delivery} keeps nothing")
        return True
    with inspect_outbox(settings, fprom.clock, look=not write) as inspection:
        try:
            if write:
                milliseconds = inspection.try_write() * 1000
                click.echo(f"database: ok, a row was written and deleted in {milliseconds:.1f} ms")
            _tell_state(inspection)
        except NoOutboxError as none_yet:
            click.echo(f"outbox: {none_yet}")
        except REFUSALS as error:
            click.echo(f"database: FAILED ({name_refusal(error)}){_words(error)}")
            click.echo(f"database: {inspection.place}: {_remedy(inspection)}")
            return False
        _tell_disk(inspection)
    return True


def _words(error: Exception) -> str:
    # The driver's own words can quote a row, but the only row here is the test's.
    words = str(getattr(error, "orig", None) or "").strip()
    return f": {printable(words.splitlines()[0])}" if words else ""


def _remedy(inspection: Inspection) -> str:
    if inspection.outbox.database.is_sqlite:
        return "check that the folder exists, that this user may write to it, and that it has room."
    return "check that the server runs, and that host, database, user and password are right."


def _tell_disk(inspection: Inspection) -> None:
    if not inspection.outbox.database.is_sqlite or not MOUNTS.exists():
        return
    warning = disk_warning(filesystem_of(Path(inspection.place), MOUNTS.read_text()))
    if warning is not None:
        click.echo(f"WARNING: {warning}")


def _tell_state(inspection: Inspection) -> None:
    stats = inspection.stats()
    click.echo(f"outbox: {stats.pending} pending, {stats.rejected} rejected, in {inspection.place}")
    if stats.paused is not None:
        click.echo(f"WARNING: {advice(stats)}")
    tell_others(inspection)


def _check_api(fprom: Fprom, email: str, tid: str) -> bool:
    if not fprom.settings.enabled:
        click.echo("api: nothing is sent while FPROM_ENABLED=false")
        return False
    outcome = send_test_lead(fprom, email, tid)
    answer = "no answer" if outcome.code is None else f"HTTP {outcome.code}"
    reason = "" if outcome.reason is None else f" ({outcome.reason})"
    click.echo(f"api: {mask_email(email)} → {answer}, {outcome.status}{reason}")
    click.echo(f"api: {explain(outcome)}")
    if not key_is_right(outcome):
        return False
    _lift_refusal(fprom)
    return True


def _lift_refusal(fprom: Fprom) -> None:
    if fprom.settings.delivery is not DeliveryMode.OUTBOX:
        return
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        try:
            if inspection.outbox.resume(refused_only=True):
                click.echo("outbox: the pause for these credentials is over")
        except NoOutboxError:
            pass
