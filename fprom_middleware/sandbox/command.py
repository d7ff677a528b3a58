"""``fprom sandbox``: the double behind a real socket, until Ctrl-C."""

from __future__ import annotations

import ipaddress
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from ..masking import mask_email, mask_ip, mask_tail, printable
from .double import ACCOUNT_ID, API_KEY, FirstPromoterDouble
from .received import ReceivedCancellation
from .records import Attempt, Click

if TYPE_CHECKING:
    from types import FrameType

    from uvicorn import Server

PORT: Final = 8750
EXTRA: Final = 'pip install "fprom-middleware[sandbox]"'
_SHOWN: Final = 80


def _loopback(_context: Any, _parameter: Any, value: str) -> str:
    if value.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        msg = (
            f"{printable(value)} is not an address of this machine alone. The sandbox shows "
            "whatever it receives, so it listens on loopback only, such as 127.0.0.1 or ::1."
        )
        raise click.BadParameter(msg)
    return value


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, callback=_loopback)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="0 takes any free one.",
)
@click.option("--api-key", default=API_KEY, show_default=True, help="What callers must send.")
@click.option("--account-id", default=ACCOUNT_ID, show_default=True, help="What they must send.")
def sandbox(host: str, port: int, api_key: str, account_id: str) -> None:
    """Run a local FirstPromoter: tracking API, browser script, and a page of what arrived."""
    try:
        double = FirstPromoterDouble(api_key=api_key, account_id=account_id, observer=_report)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with _listen(host, port) as listener:
        base_url = _base_url(listener)
        server = _make_server(double, base_url)

        def stop(_number: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # uvicorn hands a signal on to the handler that was there before: without these it would end
        # the process by the signal, and a signal before its start would be a traceback.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        _greet(base_url, double)
        server.run(sockets=[listener])
    click.echo("stopped")


def _make_server(double: FirstPromoterDouble, base_url: str) -> Server:
    try:
        from .server import make_server  # noqa: PLC0415 - the extra may not be installed
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in {"starlette", "uvicorn"}:
            raise
        msg = f"the sandbox needs {missing.name}: {EXTRA}"
        raise click.ClickException(msg) from None
    return make_server(double, base_url)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        msg = f"cannot listen on {host} port {port}: {error.strerror}. Choose another with --port."
        raise click.ClickException(msg) from None


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _greet(base_url: str, double: FirstPromoterDouble) -> None:
    click.echo(f"FirstPromoter sandbox: {base_url}/")
    click.echo(f"FPROM_BASE_URL={base_url}/api/v2/track")
    click.echo(f"FPROM_API_KEY={printable(double.api_key)}")
    click.echo(f"FPROM_ACCOUNT_ID={printable(double.account_id)}")
    click.echo("Ctrl-C stops it.")


def _report(event: Click | Attempt) -> None:
    # A terminal that went away must not change what callers are answered.
    with suppress(OSError):
        click.echo(describe(event))


def describe(event: Click | Attempt) -> str:
    """Write one line for the terminal; whole values are on the page only.

    Args:
        event: What arrived.

    Returns:
        A line without e-mail, tid or address; amounts in minor units.
    """
    if isinstance(event, Click):
        return f"click   ref={_short(event.ref_id)} tid={mask_tail(event.tid)}"
    line = f"{event.kind:<7} {event.status}"
    customer = event.lead if event.event is None else event.event.customer
    if customer is None:
        return f"{line} {event.note}"
    who = (
        f"email={mask_email(customer.email)}"
        if customer.email
        else f"uid={mask_tail(customer.uid)}"
    )
    line = f"{line} {who} ref={_short(customer.promoter)}"
    if event.event is None:
        return f"{line} ip={mask_ip(customer.ip) or '-'}"
    if isinstance(event.event, ReceivedCancellation):
        return line
    return f"{line} amount={event.event.amount} {_short(event.event.currency or '')}".rstrip()


def _short(text: str) -> str:
    return printable(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
