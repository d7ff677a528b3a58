"""The demo to look at: a shop, its payment provider and a local FirstPromoter, until Ctrl-C."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from . import cast
from .servers import Servers, port_or_any
from .watch import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .watch import Watch


def run(watch: Watch, *, trusted_proxies: str, ports: Sequence[int]) -> NoReturn:
    """Start them and keep them up; only `Stopped` and `DemoError` lead out.

    Args:
        watch: Knows when to stop.
        trusted_proxies: FPROM_TRUSTED_PROXIES of the shop.
        ports: Where the sandbox and the shop should listen, if the ports are free.
    """
    with tempfile.TemporaryDirectory(prefix="fprom-demo-") as name, Servers() as servers:
        folder = Path(name)
        port = port_or_any(ports[1])
        sandbox = cast.start_sandbox(
            servers,
            folder,
            port=port_or_any(ports[0]),
            shop=f"http://127.0.0.1:{port}" if port else None,
        )
        payments = cast.start_payments(servers, folder)
        sandbox.wait_until_ready(watch)
        payments.wait_until_ready(watch)
        shop = cast.start_flask_shop(
            servers,
            folder,
            sandbox.url,
            trusted_proxies=trusted_proxies,
            port=port,
            more=cast.payment_settings(payments.url),
        )
        shop.wait_until_ready(watch)
        say(_invitation(sandbox.url, shop.url))
        while True:
            watch.pause(0.5)
            servers.check()


def _invitation(sandbox: str, shop: str) -> str:
    return f"""\

  FirstPromoter, a local stand-in   {sandbox}/
  The shop                          {shop}/

  1. Follow Anna's referral link    {shop}/?fpr=anna
  2. Register in the shop           {shop}/register
  3. See the lead                   {sandbox}/
  4. Press "Buy", then "Pay"        {shop}/welcome
  5. See what Anna earned           {sandbox}/
  6. Follow "Refund or cancel"      {shop}/welcome

  You are at home: your own address, 127.0.0.1, is not public and is not sent.
  Ctrl-C stops everything.
"""
