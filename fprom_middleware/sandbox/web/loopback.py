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
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

REFUSAL = "The sandbox answers this machine only, as 127.0.0.1, [::1] or localhost.\n"
REMOTE_REFUSAL = "The sandbox answers by an address or a local name only.\n"
OTHER_PAGE = "Only the sandbox's own page, or a program, may change this.\n"
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")


class LoopbackOnly:
    """ASGI middleware: 403 where peer, Host or Origin is not this machine.

    Args:
        app: The application behind it.
        remote: True: other machines may call too, by an address or a name that no public DNS
            has, so that a foreign page still cannot.
    """

    def __init__(self, app: ASGIApp, *, remote: bool = False) -> None:
        self._app = app
        self._remote = remote

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it.

        Args:
            scope: The ASGI scope.
            receive: The ASGI receive callable.
            send: The ASGI send callable.
        """
        if scope["type"] != "http" or _is_allowed(scope, remote=self._remote):
            await self._app(scope, receive, send)
        else:
            refusal = REMOTE_REFUSAL if self._remote else REFUSAL
            await PlainTextResponse(refusal, 403)(scope, receive, send)


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
    address = _read_address(name)
    return address is not None and address.is_loopback


def is_local_host(host: str) -> bool:
    """Say whether a host is an address, or a name that no public DNS answers for.

    Args:
        host: A host name or an address, without port and brackets.

    Returns:
        True also for names of one word, such as a container's, and for ``.local``.
    """
    name = host.lower().removesuffix(".")
    if _read_address(name) is not None:
        return True
    return bool(name) and (_is_word(name) or name.endswith(_LOCAL_SUFFIXES))


def is_loopback_origin(origin: str) -> bool:
    """Say whether an Origin is a page of this machine.

    Args:
        origin: The Origin header's value.

    Returns:
        False also for ``null`` and for anything that is not an origin.
    """
    return _is_origin(origin, is_loopback_host)


def is_own_page(host: str, origins: Sequence[str]) -> bool:
    """Say whether a request that changes something is no other page's.

    Args:
        host: The Host header's value.
        origins: All Origin headers' values; programs send none.

    Returns:
        True where there is none, or each is the host's own.
    """
    return all(origin.partition("://")[2].lower() == host.lower() for origin in origins)


def _is_word(name: str) -> bool:
    # Digits alone are an address to some resolvers.
    return name.replace("-", "").replace("_", "").isalnum() and not name[0].isdigit()


def _read_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_origin(origin: str, is_allowed: Callable[[str], bool]) -> bool:
    scheme, separator, authority = origin.partition("://")
    return scheme in {"http", "https"} and bool(separator) and _holds(authority, is_allowed)


def _holds(authority: str, is_allowed: Callable[[str], bool]) -> bool:
    if not authority or not authority.isascii() or not authority.isprintable():
        return False
    if any(mark in authority for mark in "/?#@\\ "):
        return False
    try:
        host = urlsplit(f"//{authority}").hostname
    except ValueError:
        return False
    return host is not None and is_allowed(host)


def _is_allowed(scope: Scope, *, remote: bool) -> bool:
    peer = scope.get("client")
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
    is_allowed = is_local_host if remote else is_loopback_host
    return (
        peer is not None
        and (remote or is_loopback_host(peer[0]))
        and len(hosts) == 1
        and _holds(hosts[0], is_allowed)
        and all(_is_origin(origin, is_allowed) for origin in origins)
    )
