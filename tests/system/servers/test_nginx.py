"""The road through a real nginx: what it appends is the visitor, and what it is sent is not."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.servers.cells import FRAMEWORKS
from tests.system.servers.nginx import find_nginx, find_ports, nginx, proxied, uwsgi
from tests.system.servers.running import find_missing, require
from tests.system.servers.servers import KINDS, SOCKET, uwsgi_command
from tests.system.servers.shop import open_shop
from tests.system.servers.stories import BROWSER, REFERRED, TID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.system.servers.servers import ServerKind
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
    """Shops behind one nginx, by the road to each; without uWSGI one road less."""
    find_nginx()
    require("gunicorn", "uvicorn", "granian", "flask", "starlette")
    gunicorn, uvicorn, granian, native = (
        KINDS[name] for name in ("gunicorn (sync)", "uvicorn (1 worker)", "granian (WSGI)", "uWSGI")
    )
    flask, starlette = FRAMEWORKS["Flask"].app, FRAMEWORKS["Starlette"].app
    with ExitStack() as stack:

        def folder() -> Path:
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fprom-")))

        def shop(app: str, kind: ServerKind, **settings: str) -> Shop:
            return stack.enter_context(open_shop(app, kind, folder(), **settings))

        by_port = shop(flask, gunicorn)
        by_socket = shop(starlette, replace(uvicorn, command=uvicorn.unix))
        folding = shop(flask, granian)
        forwarded = shop(flask, gunicorn, FPROM_CLIENT_IP_HEADER="Forwarded")
        told = None
        if not find_missing(*native.distributions):
            spoken = replace(native, command=uwsgi_command(f"--socket={SOCKET}"))
            # The peer that it is told is the visitor.
            told = shop(flask, spoken, FPROM_TRUSTED_PROXIES="0")
        ports = dict(zip(ROADS, find_ports(len(ROADS)), strict=True))
        found = {
            "a port": (by_port, proxied(_place(by_port), APPENDS)),
            "a unix socket": (by_socket, proxied(_place(by_socket), APPENDS)),
            "a server that folds underscores": (folding, proxied(_place(folding), APPENDS)),
            "two nginx": (by_port, proxied(f"127.0.0.1:{ports['a port']}", APPENDS)),
            "two nginx and a unix socket": (
                by_socket,
                proxied(f"127.0.0.1:{ports['a unix socket']}", APPENDS),
            ),
            "Forwarded": (forwarded, proxied(_place(forwarded), FORWARDED)),
        }
        if told is not None:
            found["uwsgi_pass"] = (told, uwsgi(str(told.server.address)))
        locations = {ports[road]: location for road, (_, location) in found.items()}
        stack.enter_context(nginx(folder(), locations))
        yield {
            road: replace(one, door=("127.0.0.1", ports[road])) for road, (one, _) in found.items()
        }


@pytest.fixture
def at_road(roads: dict[str, Shop], road: str) -> Shop:
    """The shop at the end of one road."""
    return roads.get(road) or pytest.skip("uWSGI is not installed here")


def _place(shop: Shop) -> str:
    address = shop.server.address
    return f"unix:{address}" if isinstance(address, str) else f"{address[0]}:{address[1]}"


@pytest.mark.parametrize(("host", "source"), VISITORS)
@pytest.mark.parametrize("road", ROADS)
def test_the_visitor_of_nginx_is_the_visitor(at_road: Shop, host: str, source: str) -> None:
    """By IPv4 and by IPv6, with each forwarding header forged; nginx drops the underscored one."""
    assert isinstance(at_road.door, tuple)
    shop = replace(at_road, door=(host, at_road.door[1]))
    assert shop.lead(REFERRED, *FORGED, source=source) == {"tid": TID, "ip": source}


@pytest.mark.parametrize("road", ["a unix socket", "uwsgi_pass"])
@pytest.mark.parametrize("lines", [(b"Cookie: _fprom_tid=; a=1", REFERRED), (REFERRED,)])
def test_cookies_pass_through_nginx(at_road: Shop, lines: tuple[bytes, ...]) -> None:
    """In one line or in two."""
    assert at_road.lead(*lines, *BROWSER, source="127.0.0.2")["tid"] == TID
