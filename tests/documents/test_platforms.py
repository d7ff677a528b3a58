"""The table of platforms: each row is a request, and each platform has one."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from fprom_middleware import Fprom, get_tracking
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.visitor.attach import header_key
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware

PAGE = (Path(__file__).parents[2] / "docs" / "platforms.md").read_text()
PLATFORMS = [
    *["nginx", "Caddy", "Application Load Balancer", "CloudFront", "API Gateway", "Cloudflare"],
    *["Fly.io", "Heroku", "Render", "Railway", "App Service", "Container Apps", "Cloud Run"],
    *["Google Cloud Application Load Balancer", "Kubernetes"],
]


def read_rows() -> dict[str, list[str]]:
    """Return the cells behind each platform's name."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows}


ROWS = read_rows()


def code(cell: str) -> list[str]:
    """Return what stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def make_fprom(platform: str) -> Fprom:
    """Make an account of the settings of a row."""
    settings = dict(text.split("=", 1) for text in code(ROWS[platform][0]))
    return Fprom({"FPROM_ENABLED": "false", **settings})


async def asgi_app(*_: Any) -> None:
    """Stand in for an ASGI application."""


def test_the_table_has_every_platform() -> None:
    """Each that the page promises, some with several rows; no row is passed over."""
    names = "\n".join(ROWS)

    assert [name for name in PLATFORMS if name not in names] == []
    assert len(ROWS) == len([line for line in PAGE.splitlines() if line.startswith("| ")]) - 1


@pytest.mark.parametrize("platform", ROWS)
def test_the_visitor_of_a_row(platform: str, caplog: pytest.LogCaptureFixture) -> None:
    """With these settings, that peer and that header have that visitor, by either protocol."""
    _, peer_cell, header_cell, visitor_cell = ROWS[platform]
    (line,), (visitor,) = code(header_cell), code(visitor_cell)
    name, value = line.split(": ", 1)
    peer = next(iter(code(peer_cell)), None)
    environ: dict[str, Any] = {header_key(name): value, "REMOTE_ADDR": peer or ""}
    headers = [(name.lower().encode(), value.encode())]
    client = None if peer is None else (peer, 4711)
    scope: dict[str, Any] = {"type": "http", "headers": headers, "client": client}

    WsgiMiddleware(lambda *_: [], make_fprom(platform))(environ, lambda *_: print)
    asyncio.run(AsgiMiddleware(asgi_app, make_fprom(platform))(scope, asgi_app, asgi_app))  # type: ignore[arg-type]

    assert get_tracking(environ).ip == get_tracking(scope).ip == visitor
    assert not caplog.records


LISTED = [platform for platform in ROWS if not platform.endswith(", counted")]


@pytest.mark.parametrize("platform", LISTED)
def test_a_stranger_who_comes_past_the_platform(platform: str) -> None:
    """With a list, a public peer is itself the visitor, whatever it sends."""
    fprom = make_fprom(platform)
    header = code(ROWS[platform][2])[0].split(": ", 1)[1]

    assert fprom.visitor.addresses.read("192.0.2.99", header) == "192.0.2.99"
