"""What the keep cookie adds to a page, beside attaching the context.

The request is that of `attach.py` as a GET navigation whose Cookie header holds the keep cookie
too; the app answers with a page. All variants are timed in turn, round by round, as there.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

# A script's own folder is on the path; what stands here is imported from the one above.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fprom_middleware.asgi
import fprom_middleware.wsgi
from benchmarks.attach import TID, TRUSTED, environ, own, rounds, scope, wrap
from fprom_middleware import Fprom, get_tracking
from fprom_middleware.visitor.tokens import keep_serializer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Loop = Callable[[int], None]

KEY = "a key that signs nothing but this"
GOAL = 6000
"""Nanoseconds beside the attach cost, for a request that has the cookie."""

BARE, OFF = "bare app", "attached, keep cookie off"
KNOWN = "on: cookie there, vendor's too"
SAFARI = "on: cookie there, vendor's gone"
FORM = "on: cookie there, a POST that reads the tid"
ORGANIC = "on: nobody referred"
NEW = "on: cookie to be written"
PAGE = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "5")]
RAW_PAGE = [(name.lower().encode(), value.encode()) for name, value in PAGE]


def lines(account: Fprom) -> dict[str, str]:
    """Return each variant's Cookie header."""
    day_ago = int(account.clock()) - 86400
    token = keep_serializer([KEY], "none").dumps([TID, "jane", day_ago, day_ago])
    vendor: str = environ()["HTTP_COOKIE"]
    others = "; ".join(one for one in vendor.split("; ") if not one.startswith("_fprom"))
    kept = f"fprom_keep={token}"
    return {
        BARE: f"{vendor}; {kept}",
        OFF: f"{vendor}; {kept}",
        KNOWN: f"{vendor}; {kept}",
        SAFARI: f"{others}; {kept}",
        FORM: f"{others}; {kept}",
        ORGANIC: others,
        NEW: vendor,
    }


def wsgi_page(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ARG001
    """Answer with a page."""
    start_response("200 OK", PAGE)
    return [b"hello"]


def wsgi_form(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Ask who it is, then answer with a page."""
    _ = get_tracking(environ).tid
    start_response("200 OK", PAGE)
    return [b"hello"]


async def asgi_page(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    """Answer with a page."""
    await send({"type": "http.response.start", "status": 200, "headers": RAW_PAGE})
    await send({"type": "http.response.body", "body": b"hello"})


async def asgi_form(scope: Any, receive: Any, send: Any) -> None:
    """Ask who it is, then answer with a page."""
    _ = get_tracking(scope).tid
    await asgi_page(scope, receive, send)


def wsgi_loop(app: Any, cookies: str, method: str) -> Loop:
    """Return a loop over requests."""
    base = environ() | {"REQUEST_METHOD": method}
    line = cookies.encode()

    def start_response(*_: object) -> None:
        """Take the head."""

    def run(count: int) -> None:
        for _ in range(count):
            given = base.copy()
            # Fresh as from a server: a string that was hashed before is cheaper to look up.
            given["HTTP_COOKIE"] = line.decode("latin-1")
            app(given, start_response)

    return cast("Loop", own(run))


def asgi_loop(app: Any, cookies: str, method: str) -> Loop:
    """Return a loop over requests."""
    base = scope() | {"method": method}
    headers = [pair for pair in base["headers"] if pair[0] != b"cookie"]
    base["headers"] = [*headers, (b"cookie", cookies.encode())]

    async def send(message: Any) -> None:
        """Take a message."""

    def run(count: int) -> None:
        for _ in range(count):
            given = base.copy()
            given["state"] = {}
            # No app here ever waits, so an event loop would only be noise.
            try:
                app(given, None, send).send(None)
            except StopIteration:
                continue

    return cast("Loop", own(run))


def variants(middleware: Any, page: Any, form: Any, loop: Any, *, off: Fprom, on: Fprom) -> Any:
    """Return a loop over requests for each variant."""
    on_page = partial(wrap, middleware, page, on)
    apps = {
        BARE: page,
        OFF: wrap(middleware, page, off),
        KNOWN: on_page(),
        SAFARI: on_page(),
        FORM: wrap(middleware, form, on),
        ORGANIC: on_page(),
        NEW: on_page(),
    }
    cookies = lines(on)
    return {
        name: loop(app, cookies[name], "POST" if name == FORM else "GET")
        for name, app in apps.items()
    }


def report(title: str, loops: dict[str, Loop], args: Any) -> bool:
    """Measure, print the table, and say whether the goal is met."""
    for loop in loops.values():
        loop(1000)
    beside: dict[str, list[float]] = {name: [] for name in loops}
    for took in rounds(loops, args.requests, args.seconds):
        for name, each in took.items():
            beside[name].append(each - took[BARE if name == OFF else OFF])
    print(f"\n{title} ({len(beside[BARE])} rounds)")
    print(f"{'':46}{'ns':>8}{'goal':>8}")
    met = True
    for name in loops:
        if name != BARE:
            cost = median(beside[name])
            goal = GOAL if name in {KNOWN, SAFARI, FORM} else None
            met = met and (goal is None or cost <= goal)
            what = f"{name}, over the bare app" if name == OFF else f"{name}, beside that"
            print(f"{what:46}{cost:8.0f}{goal or '':>8}")
    return met


def main() -> int:
    """Print a table for each protocol.

    Returns:
        The exit code: 0 where the goal is met.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each table")
    parser.add_argument("--requests", type=int, default=200, help="of one variant in a row")
    args = parser.parse_args()
    given: dict[str, Any] = {
        "FPROM_API_KEY": "none",
        "FPROM_ACCOUNT_ID": "none",
        "FPROM_DELIVERY": "inline",
        "FPROM_TRUSTED_PROXIES": [TRUSTED],
        "FPROM_SECRET_KEYS": [KEY],
    }
    off, on = Fprom(given), Fprom(given | {"FPROM_KEEP_DAYS": 60})
    wsgi, asgi = fprom_middleware.wsgi.FpromMiddleware, fprom_middleware.asgi.FpromMiddleware
    met = report("WSGI", variants(wsgi, wsgi_page, wsgi_form, wsgi_loop, off=off, on=on), args)
    met &= report("ASGI", variants(asgi, asgi_page, asgi_form, asgi_loop, off=off, on=on), args)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
