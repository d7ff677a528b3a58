"""Who may talk to the sandbox: this machine, by a name of this machine.

The socket listens on loopback only, and that is not enough: a web page from anywhere can make
the developer's own browser call it. Such a page's own name stands in Origin, or in Host where
it lets that name resolve to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = "The sandbox answers this machine only, as 127.0.0.1, [::1] or localhost.\n"


class LoopbackOnly:
    """ASGI middleware: 403 where peer, Host or Origin is not this machine.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it.

        Args:
            scope: The ASGI scope.
            receive: The ASGI receive callable.
            send: The ASGI send callable.
        """
        if scope["type"] != "http" or _is_local(scope):
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse(REFUSAL, 403)(scope, receive, send)


def is_loopback_host(host: str) -> bool:
    """Say whether a host is this machine by its very name, without asking DNS.

    Args:
        host: A host name or an address, without port and brackets.

    Returns:
        True for ``localhost``, names below it, 127.0.0.0/8 and ``::1``.
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def is_loopback_origin(origin: str) -> bool:
    """Say whether an Origin is a page of this machine.

    Args:
        origin: The Origin header's value.

    Returns:
        False also for ``null`` and for anything that is not an origin.
    """
    scheme, separator, authority = origin.partition("://")
    return scheme in {"http", "https"} and bool(separator) and _is_loopback_authority(authority)


def _is_loopback_authority(authority: str) -> bool:
    if not authority or not authority.isascii() or not authority.isprintable():
        return False
    if any(mark in authority for mark in "/?#@\\ "):
        return False
    try:
        host = urlsplit(f"//{authority}").hostname
    except ValueError:
        return False
    return host is not None and is_loopback_host(host)


def _is_local(scope: Scope) -> bool:
    peer = scope.get("client")
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    return (
        peer is not None
        and is_loopback_host(peer[0])
        and len(hosts) == 1
        and _is_loopback_authority(hosts[0])
        and all(map(is_loopback_origin, origins))
    )
