"""The vendor's script below FPROM_SCRIPT_PROXY, for an aiohttp application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..extras import needs_extra
from ..script_proxy.asgi import SLOTS, answer_async, header_of, read_body
from ..script_proxy.calls import NO_CONTENT
from ..script_proxy.proxy import ScriptProxy, ScriptRequest
from ..visitor.context import KEY
from .scope import SCOPE_KEY

with needs_extra("aiohttp"):
    from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..account import Fprom

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_middleware(fprom: Fprom) -> Any:
    """Make the middleware that answers the three requests; it stands behind the one that attaches.

    Args:
        fprom: The account.
    """
    proxy = ScriptProxy(fprom, slots=SLOTS)

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        route = proxy.routes.get(request.path)
        if route is None:
            return await handler(request)

        async def receive() -> dict[str, Any]:
            body = await request.content.readany()
            return {"type": "http.request", "body": body, "more_body": bool(body)}

        scope = request[SCOPE_KEY]
        asked = ScriptRequest(route, request.method, header_of(scope), scope[KEY], scope)
        answer = await answer_async(proxy, asked, lambda: read_body(receive)) or NO_CONTENT
        return web.Response(body=answer.body, status=answer.status, headers=dict(answer.headers))

    return serve
