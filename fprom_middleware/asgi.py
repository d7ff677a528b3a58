"""ASGI middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import Fprom, check_app
from .settings.model import hide_secrets
from .visitor.attach import AsgiTracking, read_scope_sources
from .visitor.context import KEY, STATE_KEY
from .visitor.cookie_policy import keep_apart, may_set_cookie

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from .script_proxy.asgi import AsgiScriptProxy
    from .settings.model import FpromSettings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    # Every framework has types of its own for these three.
    ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]


class FpromMiddleware:
    """Attach a tracking context to the scope of each http and websocket connection.

    Args:
        app: The ASGI application to wrap.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, or None for the
            process environment.

    Raises:
        FpromConfigError: A setting is wrong, or the arguments are in the wrong order.
    """

    def __init__(
        self,
        app: ASGIApp,
        fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None,
    ) -> None:
        app, fprom = hide_secrets(app), hide_secrets(fprom)
        check_app(app)
        self.app = app
        self.fprom: Fprom = Fprom.of(fprom)
        self._hint = self.fprom.start_hint
        self._sources = self.fprom.visitor.sources
        self._script = _script_proxy(self.fprom)
        paths: tuple[str | None, ...] = (None, None, None)
        if self._script is not None:
            paths = tuple(self._script.routes)
        self._script_path, self._click_path, self._details_path = paths
        self._has_more = self._sources is not None or self._script is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; scope types other than http and websocket pass through."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":  # noqa: PLR1714 - half the cost of `in`
            fprom = self.fprom
            if self._hint.wanted and fprom.needs_start:
                fprom.start_worker()
            # `attach_scope`, inlined: a call would add a sixth to the cost of attaching.
            context = AsgiTracking()
            context.owner = fprom
            context.headers = scope["headers"]
            context.client = scope.get("client")
            # Set in place: on a copied scope the handlers outside this middleware miss it.
            scope[KEY] = context
            state = scope.get("state")
            if state is None:
                state = scope["state"] = {}
            state[STATE_KEY] = context
            if self._has_more:
                script = self._script
                if script is not None:
                    path = scope["path"]
                    # Compared, and not looked up: that would hash the path. Below a mount, whose
                    # paths begin with its own, `serve` looks closer.
                    if (
                        path == self._script_path  # noqa: PLR1714 - as above
                        or path == self._click_path
                        or path == self._details_path
                        or scope.get("root_path")
                    ) and await script.serve(scope, context, receive, send):
                        return
                sources = self._sources
                if sources is not None:
                    cookie = read_scope_sources(sources, context, scope)
                    if cookie is not None:
                        send = _set_cookie(send, cookie, fprom.clock())
        await self.app(scope, receive, send)


def _script_proxy(fprom: Fprom) -> AsgiScriptProxy | None:
    if not fprom.settings.enabled or fprom.settings.script_proxy is None:
        return None
    # Here and not above: it loads an HTTP client.
    from .script_proxy.asgi import AsgiScriptProxy  # noqa: PLC0415

    return AsgiScriptProxy(fprom)


def _set_cookie(send: Send, cookie: str, now: float) -> Send:
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
            if may_set_cookie(message["status"], texts, now=now):
                for name, value in (*keep_apart(texts), ("Set-Cookie", cookie)):
                    headers.append((name.lower().encode("ascii"), value.encode("ascii")))
            # Also where nothing is added: any iterable is allowed, and this one is read now.
            message = {**message, "headers": headers}
        await send(message)

    return sending
