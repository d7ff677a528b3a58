"""What an aiohttp application is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..account import Fprom, check_app
from ..errors import FpromConfigError
from ..extras import needs_extra
from ..settings.model import hide_secrets
from ..visitor.attach import attach_scope, read_scope_sources
from ..visitor.cookie_policy import keep_apart, may_set_cookie
from .scope import keep_scope, request_key

with needs_extra("aiohttp"):
    from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from ..settings.model import FpromSettings

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

APP_KEY: Final = web.AppKey("fprom", Fprom)
"""Where an application keeps its `Fprom`: ``app[APP_KEY]``."""


def init_app(
    app: web.Application, fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None
) -> Fprom:
    """Track the sign-ups and sales of an aiohttp application.

    A consent hook is handed an ASGI scope of the request. At cleanup the `Fprom` is closed.

    Args:
        app: The application, before it is started.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, or None for the process
            environment.

    Returns:
        The `Fprom`, which also stands in ``app[APP_KEY]``.

    Raises:
        FpromConfigError: A setting is wrong, or the application has one already.
    """
    app, fprom = hide_secrets(app), hide_secrets(fprom)
    check_app(app)
    if APP_KEY in app:
        msg = "init_app was called before for this application; call it once."
        raise FpromConfigError(msg)
    owner = Fprom.of(fprom)
    sources, cookie_key = owner.visitor.sources, request_key("fprom_cookie")

    @web.middleware
    async def attach(request: web.Request, handler: Handler) -> web.StreamResponse:
        if owner.start_hint.wanted and owner.needs_start:
            owner.start_worker()
        scope = keep_scope(request)
        context = attach_scope(scope, owner)
        if sources is not None:
            request[cookie_key] = read_scope_sources(sources, context, scope)
        return await handler(request)

    # A signal, for the headers of a streamed response are gone before its handler returns.
    async def set_cookie(request: web.Request, response: web.StreamResponse) -> None:
        cookie, headers = request.get(cookie_key), response.headers
        if cookie and may_set_cookie(response.status, headers.items(), now=owner.clock()):
            for name, value in (*keep_apart(headers.items()), ("Set-Cookie", cookie)):
                headers.add(name, value)

    async def close(_: web.Application) -> AsyncIterator[None]:
        yield
        await owner.aclose()

    # The outermost, so that the application's own middlewares find the context.
    app.middlewares.insert(0, attach)
    if owner.settings.enabled and owner.settings.script_proxy is not None:
        # Here and not above: it loads an HTTP client.
        from .script_proxy import make_middleware  # noqa: PLC0415

        app.middlewares.insert(1, make_middleware(owner))
    app.on_response_prepare.append(set_cookie)
    app.cleanup_ctx.append(close)
    app[APP_KEY] = owner
    return owner
