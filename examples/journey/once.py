"""The demo that checks itself: both shops, one referred and one organic customer each."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from . import cast
from .calls import Visited
from .judge import judge
from .report import table
from .servers import Servers
from .visit import TIMEOUT, Visitor, visit
from .watch import DemoError, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .calls import State
    from .servers import Server
    from .watch import Watch

RUN_SECONDS = 60
ARRIVAL_SECONDS = 10
QUIET_SECONDS = 0.5

# Addresses of documentation (RFC 5737): they count as public, and no machine has them.
VISITORS = (
    Visitor("flask", "berta", "203.0.113.7", ref="anna"),
    Visitor("flask", "carl", "203.0.113.8", ref=None),
    Visitor("starlette", "dora", "198.51.100.7", ref="anna"),
    Visitor("starlette", "emil", "198.51.100.8", ref=None),
)


def run(watch: Watch, *, trusted_proxies: str) -> int:
    """Make the visits and compare.

    Args:
        watch: Knows when to stop.
        trusted_proxies: FPROM_TRUSTED_PROXIES of the shops.

    Returns:
        0: all is right.

    Raises:
        DemoError: Something is not.
    """
    watch.limit(RUN_SECONDS)
    with tempfile.TemporaryDirectory(prefix="fprom-demo-") as name, Servers() as servers:
        folders = {part: Path(name, part) for part in ("sandbox", "payments", *cast.SHOPS)}
        for folder in folders.values():
            folder.mkdir()
        sandbox = cast.start_sandbox(servers, folders["sandbox"])
        payments = cast.start_payments(servers, folders["payments"])
        sandbox.wait_until_ready(watch)
        payments.wait_until_ready(watch)
        shops = [
            start(
                servers,
                folders[shop],
                sandbox.url,
                trusted_proxies=trusted_proxies,
                more=cast.payment_settings(payments.url),
            )
            for shop, start in cast.SHOPS.items()
        ]
        for shop in shops:
            shop.wait_until_ready(watch)
        urls = {shop.name: shop.url for shop in shops}
        visits = []
        for visitor in VISITORS:
            watch.pause()
            tid = visit(visitor, urls[visitor.shop], sandbox.url)
            visits.append(Visited(visitor, tid))
        state = _arrived(watch, sandbox.url, visits)
        say("What reached the API:\n")
        say(table(state, visits))
        problems = [*judge(state, visits), *_complaints(shops)]
        if problems:
            raise DemoError("; ".join(problems) + ".")
    say("\nAll right: every referred visitor arrived, with tid and address; no organic one did.")
    say("What they paid earned Anna a commission, and the refund took it back.")
    return 0


def _arrived(watch: Watch, sandbox_url: str, visits: Sequence[Visited]) -> State:
    """Wait for what is expected, then a moment more for what is not."""
    expected = sum(len(visited.answers) for visited in visits)
    for _ in range(ARRIVAL_SECONDS * 10):
        if len(_state(sandbox_url)["attempts"]) >= expected:
            break
        watch.pause(0.1)
    watch.pause(QUIET_SECONDS)
    return _state(sandbox_url)


def _complaints(shops: Sequence[Server]) -> list[str]:
    """Find what the shops' logs say of FirstPromoter, but for what each says at its first sale."""
    return [
        f"the {shop.name} shop says: {line}"
        for shop in shops
        for line in shop.output().splitlines()
        if "FirstPromoter" in line and not line.startswith("The first sale of this process.")
    ]


def _state(sandbox_url: str) -> State:
    try:
        answer = httpx.get(f"{sandbox_url}/state.json", timeout=TIMEOUT, trust_env=False)
        state: State = answer.raise_for_status().json()
    except httpx.HTTPError as error:
        msg = f"the sandbox does not tell what arrived: {error!r}"
        raise DemoError(msg) from error
    return state
