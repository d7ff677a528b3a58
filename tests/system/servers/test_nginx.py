"""The road through a real nginx: what it appends is the visitor, and what it is sent is not."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.servers.cells import FRAMEWORKS
from tests.system.servers.conftest import require
from tests.system.servers.nginx import find_nginx, find_ports, nginx, proxied, uwsgi
from tests.system.servers.servers import KINDS, SOCKET, uwsgi_command
from tests.system.servers.shop import open_shop
from tests.system.servers.stories import BROWSER, REFERRED, TID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.servers.shop import Shop

APPENDS = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
FORWARDED = 'proxy_set_header Forwarded "for=$hop";'
FORGED = (b"X-Forwarded-For: 6.6.6.6", b"X_Forwarded_For: 6.6.6.7", b"Forwarded: for=6.6.6.8")
VISITORS = [("127.0.0.1", "127.0.0.2"), ("::1", "::1")]
"""Where nginx is asked, and from where."""
ROADS = (
    "a port",
    "a unix socket",
    "a server that folds underscores",
    "two nginx",
    "two nginx and a unix socket",
    "Forwarded",
    "uwsgi_pass",
)


@pytest.fixture(scope="module")
def roads() -> Iterator[dict[str, Shop]]:
    """Shops behind one nginx, by the road to each."""
    find_nginx()
    require("gunicorn", "uvicorn", "granian", "pyuwsgi")
    gunicorn, uvicorn, granian = (
        KINDS[name] for name in ("gunicorn (sync)", "uvicorn (1 worker)", "granian (WSGI)")
    )
    flask, starlette = FRAMEWORKS["Flask"].app, FRAMEWORKS["Starlette"].app
    with ExitStack() as stack:

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fprom-")))

        by_port = stack.enter_context(open_shop(flask, gunicorn, folder()))
        on_socket = replace(uvicorn, command=uvicorn.unix)
        by_socket = stack.enter_context(open_shop(starlette, on_socket, folder()))
        folding = stack.enter_context(open_shop(flask, granian, folder()))
        by_forwarded = stack.enter_context(
            open_shop(flask, gunicorn, folder(), FPROM_CLIENT_IP_HEADER="Forwarded")
        )
        native = replace(KINDS["uWSGI"], command=uwsgi_command(f"--socket={SOCKET}"))
        # Its peer is the visitor's own.
        by_uwsgi = stack.enter_context(
            open_shop(flask, native, folder(), FPROM_TRUSTED_PROXIES="0")
        )

        ports = dict(zip(ROADS, find_ports(len(ROADS)), strict=True))
        locations = {
            "a port": proxied(_place(by_port), APPENDS),
            "a unix socket": proxied(_place(by_socket), APPENDS),
            "a server that folds underscores": proxied(_place(folding), APPENDS),
            "two nginx": proxied(f"127.0.0.1:{ports['a port']}", APPENDS),
            "two nginx and a unix socket": proxied(f"127.0.0.1:{ports['a unix socket']}", APPENDS),
            "Forwarded": proxied(_place(by_forwarded), FORWARDED),
            "uwsgi_pass": uwsgi(str(by_uwsgi.server.address)),
        }
        shops = {
            "a port": by_port,
            "a unix socket": by_socket,
            "a server that folds underscores": folding,
            "two nginx": by_port,
            "two nginx and a unix socket": by_socket,
            "Forwarded": by_forwarded,
            "uwsgi_pass": by_uwsgi,
        }
        stack.enter_context(nginx(folder(), {ports[road]: locations[road] for road in ROADS}))
        yield {road: replace(shops[road], door=("127.0.0.1", ports[road])) for road in ROADS}


def _place(shop: Shop) -> str:
    address = shop.server.address
    return f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"


@pytest.mark.parametrize(("host", "source"), VISITORS)
@pytest.mark.parametrize("road", ROADS)
def test_the_visitor_of_nginx_is_the_visitor(
    roads: dict[str, Shop], road: str, host: str, source: str
) -> None:
    """By IPv4 and by IPv6, with each forwarding header forged; nginx drops the underscored one."""
    shop = roads[road]
    assert isinstance(shop.door, tuple)
    at = replace(shop, door=(host, shop.door[1]))
    assert at.lead(REFERRED, *FORGED, source=source) == {"tid": TID, "ip": source}


@pytest.mark.parametrize("road", ["a unix socket", "uwsgi_pass"])
@pytest.mark.parametrize("lines", [(b"Cookie: _fprom_tid=; a=1", REFERRED), (REFERRED,)])
def test_cookies_pass_through_nginx(
    roads: dict[str, Shop], road: str, lines: tuple[bytes, ...]
) -> None:
    """In one line or in two."""
    assert roads[road].lead(*lines, *BROWSER, source="127.0.0.2")["tid"] == TID
