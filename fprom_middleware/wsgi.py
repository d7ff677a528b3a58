"""WSGI middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import Fprom, check_app
from .settings.model import hide_secrets
from .visitor.attach import read_environ_sources
from .visitor.context import KEY, UNREAD, RequestTracking
from .visitor.cookie_policy import keep_apart, may_set_cookie

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from .script_proxy.wsgi import WsgiScriptProxy
    from .settings.model import FpromSettings


class FpromMiddleware:
    """Attach a tracking context to each request's environ.

    Args:
        app: The WSGI application to wrap.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, or None for the
            process environment.

    Raises:
        FpromConfigError: A setting is wrong, or the arguments are in the wrong order.
    """

    def __init__(
        self,
        app: WSGIApplication,
        fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None,
    ) -> None:
        app, fprom = hide_secrets(app), hide_secrets(fprom)
        check_app(app)
        self.app = app
        self.fprom: Fprom = Fprom.of(fprom)
        self._hint = self.fprom.start_hint
        self._sources = self.fprom.visitor.sources
        self._address_key = self.fprom.visitor.address_key
        self._script = _script_proxy(self.fprom)
        paths: tuple[str | None, ...] = (None, None, None)
        if self._script is not None:
            paths = tuple(self._script.routes)
        self._script_path, self._click_path, self._details_path = paths
        self._has_more = self._sources is not None or self._script is not None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        fprom = self.fprom
        if self._hint.wanted and fprom.needs_start:
            fprom.start_worker()
        # `attach_environ`, inlined: a call would add a sixth to the cost of attaching.
        context = environ[KEY] = RequestTracking()
        context.owner = fprom
        context.found_tid = context.found_ref_id = context.found_ip = UNREAD
        context.headers = None
        context.cookies = environ.get("HTTP_COOKIE", "")
        context.forwarded = environ.get(self._address_key, "")
        context.peer = environ.get("REMOTE_ADDR")
        if self._has_more:
            script = self._script
            if script is not None:
                path = environ.get("PATH_INFO")
                # Compared, and not looked up: that would hash the path.
                if (
                    path == self._script_path  # noqa: PLR1714 - as above
                    or path == self._click_path
                    or path == self._details_path
                ):
                    return script.serve(environ, context, start_response)
            sources = self._sources
            if sources is not None:
                cookie = read_environ_sources(sources, context, environ)
                if cookie is not None:
                    start_response = _set_cookie(start_response, cookie, fprom.clock())
        return self.app(environ, start_response)


def _script_proxy(fprom: Fprom) -> WsgiScriptProxy | None:
    if not fprom.settings.enabled or fprom.settings.script_proxy is None:
        return None
    # Here and not above: it loads an HTTP client.
    from .script_proxy.wsgi import WsgiScriptProxy  # noqa: PLC0415

    return WsgiScriptProxy(fprom)


def _set_cookie(start_response: StartResponse, cookie: str, now: float) -> StartResponse:
    def start(
        status: str, headers: list[tuple[str, str]], *rest: Any, **named: Any
    ) -> Callable[[bytes], object]:
        if may_set_cookie(int(status[:3]) if status[:3].isdecimal() else 0, headers, now=now):
            headers = [*headers, *keep_apart(headers), ("Set-Cookie", cookie)]
        return start_response(status, headers, *rest, **named)

    return start
