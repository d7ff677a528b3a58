"""What the middleware adds to a request, beside the middlewares that people already run.

Every variant serves the same request: 15 headers, a Cookie header of 549 bytes, two hops
in X-Forwarded-For, proxies trusted by list. A round times all of them in turn for about a
millisecond each, so a processor that changes its clock changes it for all; added cost is
the difference to the bare app of the same round, a ratio is the median over the rounds.
"""

from __future__ import annotations

import argparse
import gc
import io
import sys
from base64 import urlsafe_b64encode
from itertools import pairwise
from statistics import median
from time import perf_counter_ns
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import fprom_middleware.asgi
import fprom_middleware.wsgi
from fprom_middleware import Fprom, TrackingContext, get_tracking
from fprom_middleware.visitor.context import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Loop = Callable[[int], None]

TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
COOKIE_BYTES = 549
VISITOR, HOP, PEER = "93.184.216.34", "10.0.2.9", "10.0.1.5"
TRUSTED = "10.0.0.0/8"

BARE, PASS, ATTACH = "bare app", "no-op pass-through", "fprom, attached"
READ = "fprom, tid and ip read from the key"
GET = "fprom, tid and ip read by get_tracking"
SCRIPT = "fprom, attached, script proxy on"
OURS = (ATTACH, READ, GET, SCRIPT)
SCRIPT_GOALS = (0.58, 0.36)
"""What it costs more than attached, in no-op pass-throughs: 60 ns of 104 (WSGI), of 167 (ASGI)."""


def cookie() -> str:
    """Return a shop's usual Cookie header, the visitor's tid near its end."""
    line = (
        "_ga=GA1.1.1363459921.1762871234; _fbp=fb.1.1762871234567.812345678; "
        "cf_clearance={}; csrftoken=9mJf0PzQbKX2vYh3WqT8sLr6NcUe1DaG; "
        "sessionid=h3k9x2v7q8w5t1z4m6n0b8c3l7j2p5r9; "
        f"_fprom_ref=jane; _fprom_tid={TID}; theme=dark"
    )
    noise = urlsafe_b64encode(bytes(range(256))).decode()
    return line.format(noise[: COOKIE_BYTES - len(line) + len("{}")])


HEADERS = {
    "host": "shop.example",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "accept-language": "en-US,en;q=0.5",
    "accept-encoding": "gzip, deflate, br, zstd",
    "content-type": "application/x-www-form-urlencoded",
    "content-length": "62",
    "origin": "https://shop.example",
    "referer": "https://shop.example/register",
    "cookie": cookie(),
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
    "x-forwarded-for": f"{VISITOR}, {HOP}",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
}


def environ() -> dict[str, Any]:
    """Return what gunicorn makes of the request."""
    found: dict[str, Any] = {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": object,
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        "SERVER_SOFTWARE": "gunicorn/23.0.0",
        "gunicorn.socket": None,
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": "",
        "RAW_URI": "/register",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": PEER,
        "REMOTE_PORT": "50932",
        "SERVER_NAME": "0.0.0.0",  # noqa: S104 - a value of the environ, nothing binds to it
        "SERVER_PORT": "8000",
        "PATH_INFO": "/register",
        "SCRIPT_NAME": "",
    }
    for name, value in HEADERS.items():
        key = name.upper().replace("-", "_")
        found[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    return found


def scope() -> dict[str, Any]:
    """Return what uvicorn makes of the request, without its ``state``."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("10.0.1.20", 8000),
        "client": (PEER, 50932),
        "scheme": "http",
        "root_path": "",
        "method": "POST",
        "path": "/register",
        "raw_path": b"/register",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }


def check(tracking: TrackingContext) -> None:
    """Stop a measurement of the wrong thing."""
    if (tracking.tid, tracking.ip) != (TID, VISITOR):
        msg = f"read {tracking.tid}, {tracking.ip}"
        raise AssertionError(msg)


def own(function: Any) -> Any:
    """Return a copy with a code object of its own.

    The interpreter specialises code by what it meets there. In production one middleware
    meets one app; variants that share their code would spoil that for each other.
    """
    code = function.__code__.replace()
    name, defaults, closure = function.__name__, function.__defaults__, function.__closure__
    return FunctionType(code, function.__globals__, name, defaults, closure)


def wrap(middleware: Any, app: Any, *args: Any, **kwargs: Any) -> Any:
    """Wrap an app into a middleware whose code no other variant runs."""
    members = {"__call__": own(middleware.__call__)}
    return type(middleware.__name__, (middleware,), members)(app, *args, **kwargs)


def wsgi_app(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ARG001
    """Answer without a question."""
    return []


def wsgi_read_key(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ARG001
    """Ask the context under its key."""
    tracking = environ[KEY]
    _ = tracking.tid
    _ = tracking.ip
    return []


def wsgi_read_get(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ARG001
    """Ask the context that `get_tracking` finds."""
    tracking = get_tracking(environ)
    _ = tracking.tid
    _ = tracking.ip
    return []


class WsgiNoOp:
    """The least a middleware can do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        """Pass a request on."""
        return self.app(environ, start_response)


def wsgi_variants(fprom: Fprom, script: Fprom) -> dict[str, Loop]:
    """Return a loop over requests for each WSGI variant."""
    ours = fprom_middleware.wsgi.FpromMiddleware
    apps = {
        BARE: wsgi_app,
        PASS: WsgiNoOp(wsgi_app),
        ATTACH: wrap(ours, wsgi_app, fprom),
        READ: wrap(ours, wsgi_read_key, fprom),
        GET: wrap(ours, wsgi_read_get, fprom),
        SCRIPT: wrap(ours, wsgi_app, script),
        "ProxyFix(x_for=2)": wrap(ProxyFix, wsgi_app, x_for=2),
        "ProxyFix(x_for=2, x_host=1)": wrap(ProxyFix, wsgi_app, x_for=2, x_host=1),
    }
    base = environ()
    names = ("HTTP_COOKIE", "HTTP_X_FORWARDED_FOR", "PATH_INFO")
    lines = [base[name].encode() for name in names]

    def loop(app: Any) -> Loop:
        def run(count: int) -> None:
            cookies, forwarded, path = lines
            for _ in range(count):
                environ = base.copy()
                # Fresh as from a server: a string that was hashed before is cheaper to look up.
                environ["HTTP_COOKIE"] = cookies.decode("latin-1")
                environ["HTTP_X_FORWARDED_FOR"] = forwarded.decode("latin-1")
                environ["PATH_INFO"] = path.decode("latin-1")
                app(environ, None)

        return cast("Loop", own(run))

    def probe(environ: dict[str, Any], start_response: Any) -> list[bytes]:  # noqa: ARG001
        check(get_tracking(environ))
        return []

    loop(ours(probe, fprom))(1)
    return {name: loop(app) for name, app in apps.items()}


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """Answer without a question."""


async def asgi_read_key(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    """Ask the context under its key."""
    tracking = scope[KEY]
    _ = tracking.tid
    _ = tracking.ip


async def asgi_read_get(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
    """Ask the context that `get_tracking` finds."""
    tracking = get_tracking(scope)
    _ = tracking.tid
    _ = tracking.ip


class AsgiNoOp:
    """The least a middleware can do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on."""
        await self.app(scope, receive, send)


def asgi_variants(fprom: Fprom, script: Fprom, *, state: bool) -> dict[str, Loop]:
    """Return a loop over requests for each ASGI variant.

    Args:
        fprom: Whose middleware.
        script: The same with FPROM_SCRIPT_PROXY.
        state: True where the server puts a ``state`` into the scope, as uvicorn does.
    """
    ours = fprom_middleware.asgi.FpromMiddleware
    apps = {
        BARE: asgi_app,
        PASS: AsgiNoOp(asgi_app),
        ATTACH: wrap(ours, asgi_app, fprom),
        READ: wrap(ours, asgi_read_key, fprom),
        GET: wrap(ours, asgi_read_get, fprom),
        SCRIPT: wrap(ours, asgi_app, script),
        "uvicorn ProxyHeaders": wrap(ProxyHeadersMiddleware, asgi_app, [TRUSTED]),
    }
    base = scope()
    raw_path = base["raw_path"]

    def loop(app: Any) -> Loop:
        def run(count: int) -> None:
            path = raw_path
            for _ in range(count):
                scope = base.copy()
                scope["path"] = path.decode("latin-1")
                if state:
                    scope["state"] = {}
                # No app here ever waits, so an event loop would only be noise.
                try:
                    app(scope, None, None).send(None)
                except StopIteration:
                    continue

        return cast("Loop", own(run))

    async def probe(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        check(get_tracking(scope))

    loop(ours(probe, fprom))(1)
    return {name: loop(app) for name, app in apps.items()}


def rounds(loops: dict[str, Loop], count: int, seconds: float) -> Iterator[dict[str, float]]:
    """Yield the nanoseconds a request took in each variant, round by round.

    Args:
        loops: The variants.
        count: Requests of one variant in a row.
        seconds: How long to go on.
    """
    names = list(loops)
    ends = perf_counter_ns() + seconds * 1e9
    gc.collect()
    gc.disable()
    try:
        while perf_counter_ns() < ends:
            # Another order each time: nobody always runs behind the same neighbour.
            names.append(names.pop(0))
            ticks = [perf_counter_ns()]
            for name in names:
                loops[name](count)
                ticks.append(perf_counter_ns())
            yield {
                name: (end - begin) / count
                for name, (begin, end) in zip(names, pairwise(ticks), strict=True)
            }
    finally:
        gc.enable()


def report(title: str, loops: dict[str, Loop], goals: tuple[float, float], args: Any) -> None:
    """Measure the variants and print their table; the peers are whatever is not ours."""
    for loop in loops.values():
        loop(1000)
    added: dict[str, list[float]] = {name: [] for name in loops}
    for took in rounds(loops, args.requests, args.seconds):
        for name, each in took.items():
            added[name].append(each - took[BARE])
    peers = [name for name in loops if name not in (BARE, PASS, *OURS)]
    print(f"\n{title}: added over the bare app ({len(added[BARE])} rounds)")
    print(f"{'':40}{'ns':>8}", *(f"{f'of {peer}':>31}" for peer in peers), f"{'goal':>8}")
    wanted = {ATTACH: f"{goals[0]:.2f}", READ: f"{goals[1]:.2f}", GET: f"{goals[1]:.2f}"}
    for name in loops:
        if name != BARE:
            ratios = (
                median(mine / its for mine, its in zip(added[name], added[peer], strict=True))
                for peer in peers
            )
            cells = (f"{ratio:31.3f}" for ratio in ratios)
            print(f"{name:40}{median(added[name]):8.0f}", *cells, f"{wanted.get(name, ''):>8}")
    more = median(on - off for on, off in zip(added[SCRIPT], added[ATTACH], strict=True))
    goal = SCRIPT_GOALS[title.startswith("ASGI")]
    ratio = more / median(added[PASS])
    print(f"script proxy on, over attached: {more:.0f} ns, {ratio:.2f} no-ops (goal {goal})")


def main() -> None:
    """Print a table for each protocol."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="for each table")
    parser.add_argument("--requests", type=int, default=400, help="of one variant in a row")
    args = parser.parse_args()
    fprom = Fprom({"FPROM_ENABLED": False, "FPROM_TRUSTED_PROXIES": [TRUSTED]})
    script = Fprom(
        {
            "FPROM_API_KEY": "of-this-benchmark",
            "FPROM_ACCOUNT_ID": "account",
            "FPROM_DELIVERY": "memory",
            "FPROM_TRUSTED_PROXIES": [TRUSTED],
            "FPROM_SCRIPT_PROXY": "/partners",
        }
    )
    report("WSGI", wsgi_variants(fprom, script), (0.12, 0.45), args)
    state = asgi_variants(fprom, script, state=True)
    report("ASGI, state by the server", state, (0.20, 1.1), args)
    report("ASGI, no state", asgi_variants(fprom, script, state=False), (0.20, 1.1), args)


if __name__ == "__main__":
    main()
