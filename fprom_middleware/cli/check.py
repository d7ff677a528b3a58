"""``fprom check``: are the settings right, does the database write, does the API answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..masking import mask_email, printable
from ..outbox.admin import inspect_outbox
from ..outbox.refusal import REFUSALS, name_refusal
from ..settings.choices import DeliveryMode, WorkerMode
from .decorators import with_fprom
from .drain import advice
from .filesystem import MOUNTS, disk_warning, filesystem_of
from .output import moment, show_table
from .settings_view import set_values
from .source import current_source
from .test_lead import EMAIL, TID, arrived, explain, send_test_lead

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..account import Fprom
    from ..outbox.admin import Inspection


@click.command()
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
@with_fprom
def check(fprom: Fprom, *, send: bool, email: str, tid: str) -> None:
    """Check the settings and the outbox's database; with --send, the API too."""
    click.echo(f"Settings of {current_source().name}; everything else is at its default:")
    show_table(("key", "value"), list(set_values(fprom.settings)))
    fine = _check_database(fprom)
    for warning in hints(fprom):
        click.echo(f"hint: {warning}")
    if send:
        fine = _check_api(fprom, email, tid) and fine
    if not fine:
        raise SystemExit(1)


def hints(fprom: Fprom) -> Iterator[str]:
    """Yield what is allowed but often not meant."""
    settings = fprom.settings
    if not settings.enabled:
        yield "FPROM_ENABLED=false: sign-ups are skipped and nothing is sent."
    if settings.trusted_proxies == 0:
        yield (
            "FPROM_TRUSTED_PROXIES=0: the socket's peer counts as the visitor. Behind a load "
            "balancer or proxy name it (a number of hops, or addresses), or every lead carries "
            "its address."
        )
    if settings.worker is WorkerMode.NONE and settings.delivery is DeliveryMode.OUTBOX:
        yield (
            "FPROM_WORKER=none: the app sends nothing by itself. Run `fprom worker`, or "
            "`fprom drain` by cron, or call drain() in a job."
        )


def _check_database(fprom: Fprom) -> bool:
    if fprom.settings.delivery is DeliveryMode.INLINE:
        click.echo("database: none, FPROM_DELIVERY=inline keeps nothing")
        return True
    with inspect_outbox(fprom.settings, fprom.clock) as inspection:
        database = inspection.outbox.database
        try:
            seconds = inspection.try_write()
        except REFUSALS as error:
            click.echo(f"database: FAILED ({name_refusal(error)}){_words(error)}")
            click.echo(f"database: {_remedy(is_sqlite=database.is_sqlite)}")
            return False
        click.echo(f"database: ok, a row was written and deleted in {seconds * 1000:.1f} ms")
        _tell_disk(inspection)
        _tell_state(inspection)
    return True


def _words(error: Exception) -> str:
    # The driver's own words can quote a row, but the only row here is the test's.
    words = str(getattr(error, "orig", None) or "").strip()
    return f": {printable(words.splitlines()[0])}" if words else ""


def _remedy(*, is_sqlite: bool) -> str:
    if is_sqlite:
        return "Check that the folder exists, that this user may write to it, and that it has room."
    return "Check that the server runs, and that host, database, user and password are right."


def _tell_disk(inspection: Inspection) -> None:
    database = inspection.outbox.database
    if not database.is_sqlite or not MOUNTS.exists():
        return
    warning = disk_warning(filesystem_of(Path(database.url.database or ""), MOUNTS.read_text()))
    if warning is not None:
        click.echo(f"WARNING: {warning}")


def _tell_state(inspection: Inspection) -> None:
    stats = inspection.stats()
    click.echo(f"outbox: {stats.pending} pending, {stats.rejected} rejected")
    if stats.paused is not None:
        click.echo(f"WARNING: paused since {moment(stats.paused_since)}: {advice(stats.paused)}")


def _check_api(fprom: Fprom, email: str, tid: str) -> bool:
    if not fprom.settings.enabled:
        click.echo("api: nothing is sent while FPROM_ENABLED=false")
        return False
    outcome = send_test_lead(fprom, email, tid)
    answer = "no answer" if outcome.code is None else f"HTTP {outcome.code}"
    reason = "" if outcome.reason is None else f" ({outcome.reason})"
    click.echo(f"api: {mask_email(email)} → {answer}, {outcome.status}{reason}")
    click.echo(f"api: {explain(outcome)}")
    return arrived(outcome)
