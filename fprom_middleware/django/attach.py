"""A tracking context on Django's request, at the same keys as the other middlewares use."""

# ruff: noqa: SLF001 - a context is filled by the middleware that makes it

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..asgi import AsgiTracking
from ..visitor.context import KEY, STATE_KEY, UNREAD, RequestTracking
from ..wsgi import header_key

if TYPE_CHECKING:
    from ..account import Fprom
    from ..visitor.sources import Sources


def attach(request: Any, fprom: Fprom) -> RequestTracking:
    """Attach a context to a request that came by WSGI or by ASGI.

    Args:
        request: Django's request.
        fprom: Whose middleware this is.

    Returns:
        The context, which stands in the environ or scope now.
    """
    scope = getattr(request, "scope", None)
    return _to_environ(request.META, fprom) if scope is None else _to_scope(scope, fprom)


def look_further(request: Any, context: RequestTracking, sources: Sources) -> str | None:
    """Fill what the further sources need, and decide whether the response shall set our cookie.

    Args:
        request: Django's request; of either kind it has the headers in META.
        context: What `attach` returned.
        sources: What the settings turn on.

    Returns:
        The value of a Set-Cookie header, or None.
    """

    def header(name: str) -> str:
        return str(request.META.get(header_key(name), ""))

    if isinstance(context, AsgiTracking):
        context.read_headers()
    sources.attach(context, header, query=request.META.get("QUERY_STRING", ""))
    return sources.cookie(
        context,
        getattr(request, "scope", request.META),
        header,
        method=request.method or "",
        # Django's own word, SECURE_PROXY_SSL_HEADER included.
        scheme=request.scheme,
    )


def _to_environ(environ: dict[str, Any], fprom: Fprom) -> RequestTracking:
    context: RequestTracking = RequestTracking()
    environ[KEY] = context
    context._fprom = fprom
    context._tid = context._ref_id = context._ip = UNREAD
    context._headers = None
    context._cookies = environ.get("HTTP_COOKIE", "")
    context._forwarded = environ.get(header_key(fprom.address_header), "")
    context._peer = environ.get("REMOTE_ADDR")
    return context


def _to_scope(scope: dict[str, Any], fprom: Fprom) -> RequestTracking:
    context: AsgiTracking = AsgiTracking()
    scope[KEY] = context
    context._fprom = fprom
    context._headers = scope["headers"]
    context._client = scope.get("client")
    state = scope.get("state")
    if state is None:
        state = scope["state"] = {}
    state[STATE_KEY] = context
    return context
