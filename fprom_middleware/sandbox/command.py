"""``fprom sandbox``: the double behind a real socket, until Ctrl-C."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
import webbrowser
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from ..masking import mask_email, mask_ip, mask_tail, printable
from .data.file import JournalFile, JournalFileError
from .double import ACCOUNT_ID, API_KEY, FirstPromoterDouble
from .received import ReceivedCancellation
from .records import Click, StrayCall

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from uvicorn import Server

    from .records import Attempt

PORT: Final = 8750
EXTRA: Final = 'pip install "fprom-middleware[sandbox]"'
_SHOWN: Final = 80


def _check_host(host: str, *, allow_remote: bool) -> str:
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None:
        msg = f"{printable(host)} is not an address, such as 127.0.0.1 or ::1."
        raise click.BadParameter(msg, param_hint="--host")
    if not address.is_loopback and not allow_remote:
        msg = (
            f"{printable(host)} is not an address of this machine alone. The sandbox shows "
            "whatever it receives, so it listens on loopback only, such as 127.0.0.1 or ::1; "
            "add --allow-remote where other machines, or containers, are to reach it."
        )
        raise click.BadParameter(msg, param_hint="--host")
    return host


def _check_app_url(
    _context: click.Context, _parameter: click.Parameter, url: str | None
) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        msg = f"{printable(url)} is not the address of an app, such as http://localhost:8000."
        raise click.BadParameter(msg)
    return url.rstrip("/")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="0 takes any free one.",
)
@click.option("--api-key", default=API_KEY, show_default=True, help="What callers must send.")
@click.option("--account-id", default=ACCOUNT_ID, show_default=True, help="What they must send.")
@click.option(
    "--data",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file in which clicks and calls survive a restart.",
)
@click.option(
    "--app-url",
    metavar="URL",
    callback=_check_app_url,
    help="Your app, to which the page's referral links lead.",
)
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@click.option("--allow-remote", is_flag=True, help="Let --host be reached from other machines.")
def sandbox(
    *,
    host: str,
    port: int,
    api_key: str,
    account_id: str,
    data: Path | None,
    app_url: str | None,
    open_page: bool,
    allow_remote: bool,
) -> None:
    """Run a local FirstPromoter: tracking API, browser script, and a page of what arrived."""
    host = _check_host(host, allow_remote=allow_remote)
    with ExitStack() as stack:
        journal = None if data is None else stack.enter_context(_open_journal(data))
        try:
            double = FirstPromoterDouble(
                api_key=api_key, account_id=account_id, observer=_report, journal=journal
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        listener = stack.enter_context(_listen(host, port))
        base_url = _base_url(listener)
        server = _make_server(double, base_url, app_url, remote=allow_remote)

        def stop(_number: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # uvicorn hands a signal on to the handler that was there before: without these it would end
        # the process by the signal, and a signal before its start would be a traceback.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        _greet(base_url, double)
        if open_page:
            # A browser in the terminal would hold up the server that it waits for.
            threading.Thread(target=webbrowser.open, args=(f"{base_url}/",), daemon=True).start()
        server.run(sockets=[listener])
    click.echo("stopped")


@contextmanager
def _open_journal(path: Path) -> Iterator[JournalFile]:
    try:
        journal = JournalFile(path, _warn)
    except JournalFileError as error:
        raise click.ClickException(str(error)) from None
    with closing(journal):
        yield journal


def _warn(text: str) -> None:
    with suppress(OSError):
        click.echo(text, err=True)


def _make_server(
    double: FirstPromoterDouble, base_url: str, app_url: str | None, *, remote: bool
) -> Server:
    try:
        from .server import make_server  # noqa: PLC0415 - the extra may not be installed
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in {"starlette", "uvicorn"}:
            raise
        msg = f"the sandbox needs {missing.name}: {EXTRA}"
        raise click.ClickException(msg) from None
    return make_server(double, base_url, app_url=app_url, remote=remote)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        msg = f"cannot listen on {host} port {port}: {error.strerror}. Choose another with --port."
        raise click.ClickException(msg) from None


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _greet(base_url: str, double: FirstPromoterDouble) -> None:
    click.echo(f"FirstPromoter sandbox: {base_url}/")
    click.echo(f"FPROM_BASE_URL={base_url}/api/v2/track")
    click.echo(f"FPROM_API_KEY={printable(double.api_key)}")
    click.echo(f"FPROM_ACCOUNT_ID={printable(double.account_id)}")
    click.echo("Ctrl-C stops it.")


def _report(event: Click | Attempt | StrayCall) -> None:
    # A terminal that went away must not change what callers are answered.
    with suppress(OSError):
        click.echo(describe(event))


def describe(event: Click | Attempt | StrayCall) -> str:
    """Write one line for the terminal; whole values are on the page only.

    Args:
        event: What arrived.

    Returns:
        A line without e-mail, tid or address; amounts in minor units.
    """
    if isinstance(event, Click):
        return f"click   ref={_short(event.ref_id)} tid={mask_tail(event.tid)}"
    if isinstance(event, StrayCall):
        kind = event.path.rpartition("/")[2]
        return f"{kind:<7} 404 at {_short(event.path)}: FPROM_BASE_URL is to end in /api/v2/track"
    line = f"{event.kind:<7} {event.status or '---'}"
    customer = event.lead if event.event is None else event.event.customer
    if customer is None:
        who = _who(event.email, event.uid)
        where = f" (it names {_short(event.account)})" if event.account else ""
        return f"{line} {who}{event.note}{where}"
    line = f"{line} {_who(customer.email, customer.uid)}ref={_short(customer.promoter)}"
    if event.event is None:
        return f"{line} ip={mask_ip(customer.ip) or '-'}"
    if isinstance(event.event, ReceivedCancellation):
        return line
    return f"{line} amount={event.event.amount} {_short(event.event.currency or '')}".rstrip()


def _who(email: str | None, uid: str | None) -> str:
    if email:
        return f"email={mask_email(email)} "
    return f"uid={mask_tail(uid)} " if uid else ""


def _short(text: str) -> str:
    return printable(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
