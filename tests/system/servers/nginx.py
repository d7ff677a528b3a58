"""Debian's nginx before a shop: one process, ports and folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from tests.support.programs import find_port
from tests.support.services import missing
from tests.support.waiting import eventually
from tests.system.servers.wire import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PARAMETERS = (
    "QUERY_STRING",
    "REQUEST_METHOD",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "REQUEST_URI",
    "DOCUMENT_URI:PATH_INFO",
    "SERVER_PROTOCOL",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "SERVER_PORT",
    "SERVER_NAME",
)
"""What its ``uwsgi_params`` names; another name behind a colon is WSGI's."""


def proxied(upstream: str, *headers: str) -> str:
    """Write the location of a site that hands on by HTTP."""
    lines = [f"proxy_pass http://{upstream};", "proxy_set_header Host $http_host;", *headers]
    return " ".join(lines)


def uwsgi(path: str) -> str:
    """Write the location of a site that hands on by uWSGI's own protocol."""
    pairs = [name.partition(":") for name in PARAMETERS]
    lines = [f"uwsgi_param {name or own} ${own.lower()};" for own, _, name in pairs]
    return " ".join([f"uwsgi_pass unix:{path};", *lines])


def find_nginx() -> str:
    """Return where it is; skip, or fail, where it is missing."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return program or missing("no nginx")


@contextmanager
def nginx(folder: Path, locations: Mapping[int, str]) -> Iterator[None]:
    """Run it for the length of the block.

    Args:
        folder: For its configuration and its files.
        locations: What the site at each port does, on 127.0.0.1 and on ::1.
    """
    sites = "".join(
        f"server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; location / {{ {location} }} }}\n"
        for port, location in locations.items()
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    settings = folder / "nginx.conf"
    settings.write_text(
        f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{}}
http {{ access_log off; {places}
map $remote_addr $hop {{ ~: "\\"[$remote_addr]\\""; default $remote_addr; }}
{sites}}}
"""
    )
    log = folder / "nginx.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [find_nginx(), "-c", str(settings), "-p", str(folder), "-e", str(folder / "errors")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert eventually(lambda: process.poll() is not None or _listens(*locations))
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(10)


def find_ports(count: int) -> list[int]:
    """Return ports on which nothing listens."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(find_port())
    return sorted(ports)


def _listens(*ports: int) -> bool:
    with suppress(OSError):
        for port in ports:
            connect(("::1", port)).close()
        return True
    return False
