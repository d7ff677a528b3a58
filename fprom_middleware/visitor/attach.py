"""Attaching a context to a request by either protocol; nothing is read yet.

`wsgi` and `asgi` hold `attach_environ` and `attach_scope` inlined, once a request: a call would
add a sixth to what attaching costs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from .context import KEY, STATE_KEY, UNREAD, RequestTracking

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from .context import Owner
    from .sources import VisitorSources


class AsgiTracking(RequestTracking):
    """The context of an ASGI connection; it goes through the header lines at the first question.

    Attributes:
        client: The scope's client.
        read_headers: The header lines, once `scan` has gone through them.
    """

    __slots__ = ("client", "read_headers")

    client: tuple[str, int] | None
    read_headers: Iterable[tuple[bytes, bytes]]

    @property
    def lines(self) -> Iterable[tuple[bytes, bytes]]:
        """The header lines, for what is read of them rarely."""
        headers = self.headers
        return self.read_headers if headers is None else headers

    def scan(self) -> None:
        """Fill the slots from the header lines, once."""
        # Each slot's type stands in the base.
        slots: RequestTracking = self
        headers = slots.headers
        if headers is None:
            return
        # Both at once: a view that asks for the one mostly asks for the other.
        wanted = self.owner.visitor.address_name
        cookies, forwarded = [], []
        for name, value in headers:
            if name == b"cookie":
                cookies.append(value)
            elif name == wanted:
                forwarded.append(value)
        slots.cookies = b"; ".join(cookies).decode("latin-1")
        slots.forwarded = b",".join(forwarded).decode("latin-1")
        slots.peer = self.client[0] if self.client else None
        slots.found_tid = slots.found_ref_id = slots.found_ip = UNREAD
        self.read_headers = headers
        # Last: until then another thread that asks goes through the lines as well.
        slots.headers = None


def attach_environ(environ: MutableMapping[str, Any], owner: Owner) -> RequestTracking:
    """Attach a context to a WSGI environ.

    Args:
        environ: The environ.
        owner: Whose middleware this is.

    Returns:
        The context, which stands in the environ now.
    """
    context: RequestTracking = RequestTracking()
    environ[KEY] = context
    context.owner = owner
    context.found_tid = context.found_ref_id = context.found_ip = UNREAD
    context.headers = None
    context.cookies = environ.get("HTTP_COOKIE", "")
    context.forwarded = environ.get(owner.visitor.address_key, "")
    context.peer = environ.get("REMOTE_ADDR")
    return context


def attach_scope(scope: MutableMapping[str, Any], owner: Owner) -> AsgiTracking:
    """Attach a context to an ASGI scope, in place.

    Args:
        scope: The scope of an http or websocket connection.
        owner: Whose middleware this is.

    Returns:
        The context, which stands in the scope and in its ``state`` now.
    """
    context: AsgiTracking = AsgiTracking()
    context.owner = owner
    context.headers = scope["headers"]
    context.client = scope.get("client")
    scope[KEY] = context
    state = scope.get("state")
    if state is None:
        state = scope["state"] = {}
    state[STATE_KEY] = context
    return context


def read_environ_sources(
    sources: VisitorSources,
    context: RequestTracking,
    environ: MutableMapping[str, Any],
    *,
    scheme: str | None = None,
) -> str | None:
    """Fill what the further sources need, and decide whether the response shall set our cookie.

    Args:
        sources: What the settings turn on.
        context: What stands in the environ.
        environ: The environ.
        scheme: What a framework knows better than the environ: ``http`` or ``https``.

    Returns:
        The value of a Set-Cookie header, or None.
    """

    def header(name: str) -> str:
        return str(environ.get(header_key(name), ""))

    sources.fill(context, header, query=environ.get("QUERY_STRING", ""))
    return sources.cookie(
        context,
        environ,
        header,
        method=environ.get("REQUEST_METHOD", ""),
        scheme=scheme or environ.get("wsgi.url_scheme", ""),
    )


def read_scope_sources(
    sources: VisitorSources,
    context: RequestTracking,
    scope: MutableMapping[str, Any],
    *,
    scheme: str | None = None,
) -> str | None:
    """Fill what the further sources need, and decide whether the response shall set our cookie.

    Args:
        sources: What the settings turn on.
        context: What stands in the scope.
        scope: The scope.
        scheme: What a framework knows better than the scope: ``http`` or ``https``.

    Returns:
        The value of a Set-Cookie header, or None.
    """

    def header(name: str) -> str:
        wanted = name.encode("ascii")
        lines = [value for key, value in scope["headers"] if key == wanted]
        return b",".join(lines).decode("latin-1")

    context.scan()
    sources.fill(context, header, query=scope.get("query_string", b"").decode("latin-1"))
    return sources.cookie(
        context,
        scope,
        header,
        # A websocket's handshake is no navigation.
        method=scope.get("method", ""),
        scheme=scheme or scope.get("scheme", ""),
    )


@cache
def header_key(name: str) -> str:
    """Return the environ key of a request header.

    Args:
        name: The header's name, in whatever case.

    Returns:
        Such as ``HTTP_X_FORWARDED_FOR``.
    """
    return "HTTP_" + name.upper().replace("-", "_")
