"""An aiohttp request as an ASGI scope, kept in the request's own storage."""

from __future__ import annotations

from typing import Any, Final

from ..extras import needs_extra
from ..visitor.locate import add_place

with needs_extra("aiohttp"):
    from aiohttp import web


def request_key(name: str) -> Any:
    """Return a new key of a request's storage; before aiohttp 3.14 that took any object."""
    make = getattr(web, "RequestKey", None)
    return make(name, object) if make else object()


SCOPE_KEY: Final = request_key("fprom_scope")
"""Where a request keeps its scope, and where `get_tracking` looks for it."""
add_place(SCOPE_KEY)


def keep_scope(request: web.Request) -> dict[str, Any]:
    """Write a request down as a scope.

    Args:
        request: The request, whose storage holds the scope from now on.

    Returns:
        The scope; the peer is the transport's, whatever a middleware says of the request.
    """
    peer = request.get_extra_info("peername")
    scope = request[SCOPE_KEY] = {
        "type": "http",
        "method": request.method,
        "scheme": request.scheme,
        "path": request.path,
        "query_string": request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape"),
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        # A unix socket's is text.
        "client": peer[:2] if isinstance(peer, tuple) else None,
    }
    return scope
