"""The servers that apps are deployed on: how each is started, and what it does to a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Protocol = Literal["WSGI", "ASGI", "aiohttp"]
SHOPS = "tests.system.servers.shops"
APP, ADDRESS, PORT, SOCKET = "{app}", "127.0.0.1:0", "{port}", "{socket}"


@dataclass(frozen=True, slots=True)
class ServerKind:
    """One server in one mode.

    What a server does to a request before any middleware sees it cannot be undone behind it;
    where it is not the usual, it is written here, and test_requests.py holds it to be true.

    Attributes:
        command: The console script and its arguments; ``{app}``, ``{port}`` and ``{socket}``
            are filled in, and port 0 is one of the system's choice.
        distributions: What must be installed, by the names of PyPI; the first is the server.
        unix: The same on a unix socket, where it can.
        protocol: What it speaks with the app: WSGI, ASGI or aiohttp.
        last_cookie_line: It keeps the last of two Cookie lines.
        folds_underscores: It takes X_Forwarded_For for X-Forwarded-For.
        unix_peer: What it names as the peer on a unix socket, which has none; it is no address,
            so no header is believed.
        ascii_only: It drops a header that holds other bytes.
        remark: What else is to be known where it is deployed, for docs/matrix.md.
    """

    command: tuple[str, ...]
    distributions: tuple[str, ...]
    unix: tuple[str, ...] = ()
    protocol: Protocol = "WSGI"
    last_cookie_line: bool = False
    folds_underscores: bool = False
    unix_peer: str = ""
    ascii_only: bool = False
    remark: str = ""


def _gunicorn(*options: str, needs: str = "", protocol: Protocol = "WSGI") -> ServerKind:
    return ServerKind(
        ("gunicorn", f"--bind={ADDRESS}", *options, APP),
        ("gunicorn", *filter(None, [needs])),
        unix=("gunicorn", f"--bind=unix:{SOCKET}", *options, APP),
        protocol=protocol,
    )


def _uvicorn(*options: str, remark: str = "") -> ServerKind:
    return ServerKind(
        ("uvicorn", "--port=0", *options, APP),
        ("uvicorn",),
        unix=("uvicorn", f"--uds={SOCKET}", *options, APP),
        protocol="ASGI",
        remark=remark,
    )


def uwsgi_command(where: str) -> tuple[str, ...]:
    """Write uWSGI's command.

    Args:
        where: The option that says what it listens on, and for which protocol.
    """
    return (
        "uwsgi",
        where,
        "--enable-threads",
        "--master",
        "--die-on-term",
        "--need-app",
        f"--module={APP}",
    )


KINDS: dict[str, ServerKind] = {
    "gunicorn (sync)": _gunicorn(),
    "gunicorn (gthread)": _gunicorn("--threads=4"),
    "gunicorn (gevent)": _gunicorn("--worker-class=gevent", needs="gevent"),
    "gunicorn (--preload)": _gunicorn("--preload", "--workers=2"),
    "uWSGI": ServerKind(
        uwsgi_command(f"--http-socket={ADDRESS}"),
        ("pyuwsgi",),
        unix=uwsgi_command(f"--http-socket={SOCKET}"),
        unix_peer="0.0.0.0",
        folds_underscores=True,
        remark="needs `enable-threads` (before 2.0.27)",
    ),
    "waitress": ServerKind(
        ("waitress-serve", f"--listen={ADDRESS}", "--no-clear-untrusted-proxy-headers", APP),
        ("waitress",),
        unix=(
            "waitress-serve",
            f"--unix-socket={SOCKET}",
            "--no-clear-untrusted-proxy-headers",
            APP,
        ),
        unix_peer="localhost",
        remark="without that option it takes `X-Forwarded-For` away, and no address is known",
    ),
    "granian (WSGI)": ServerKind(
        ("granian", f"--port={PORT}", "--interface=wsgi", APP),
        ("granian",),
        unix=("granian", f"--uds={SOCKET}", "--interface=wsgi", APP),
        folds_underscores=True,
        ascii_only=True,
    ),
    "cheroot": ServerKind(
        ("cheroot", f"--bind=127.0.0.1:{PORT}", APP),
        ("cheroot",),
        last_cookie_line=True,
        folds_underscores=True,
    ),
    "wsgiref": ServerKind(
        ("python", "-m", f"{SHOPS}.wsgiref_server", APP), (), folds_underscores=True
    ),
    "uvicorn (1 worker)": _uvicorn("--no-proxy-headers"),
    "uvicorn (--proxy-headers)": _uvicorn(
        "--proxy-headers",
        remark="puts the visitor in the place of a peer that `--forwarded-allow-ips` names",
    ),
    "uvicorn (2 workers)": _uvicorn("--no-proxy-headers", "--workers=2"),
    "gunicorn (uvicorn worker)": _gunicorn(
        "--worker-class=uvicorn_worker.UvicornWorker", needs="uvicorn-worker", protocol="ASGI"
    ),
    "gunicorn (ASGI worker)": _gunicorn("--worker-class=asgi", protocol="ASGI"),
    "hypercorn": ServerKind(
        ("hypercorn", f"--bind={ADDRESS}", APP),
        ("hypercorn",),
        unix=("hypercorn", f"--bind=unix:{SOCKET}", APP),
        protocol="ASGI",
    ),
    "granian (ASGI)": ServerKind(
        ("granian", f"--port={PORT}", "--interface=asgi", APP),
        ("granian",),
        unix=("granian", f"--uds={SOCKET}", "--interface=asgi", APP),
        protocol="ASGI",
    ),
    "daphne": ServerKind(
        ("daphne", "--port=0", APP),
        ("daphne",),
        unix=("daphne", f"--unix-socket={SOCKET}", APP),
        protocol="ASGI",
    ),
    "aiohttp.web": ServerKind(
        ("python", "-m", "aiohttp.web", "--hostname=127.0.0.1", f"--port={PORT}", APP),
        ("aiohttp",),
        protocol="aiohttp",
    ),
    "gunicorn (aiohttp worker)": _gunicorn(
        "--worker-class=aiohttp.GunicornWebWorker", needs="aiohttp", protocol="aiohttp"
    ),
}


GENERAL = {name: kind for name, kind in KINDS.items() if kind.protocol != "aiohttp"}
"""Those that serve the apps of any framework of their protocol."""


def raw_shop(kind: ServerKind) -> str:
    """Name the shop without a framework."""
    return f"{SHOPS}.raw_shop:{'asgi_app' if kind.protocol == 'ASGI' else 'wsgi'}"
