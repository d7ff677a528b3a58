"""WSGI middleware: attaches a tracking context to every request, and reads nothing yet."""

# ruff: noqa: SLF001 - a constructor in Python would add a sixth to the cost of attaching

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from .account import Fprom
from .visitor.context import KEY, UNREAD, RequestTracking
from .visitor.cookie_policy import may_carry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from .settings.model import FpromSettings
    from .visitor.sources import Sources


class FpromMiddleware:
    """Attach a tracking context to each request's environ.

    Args:
        app: The WSGI application to wrap.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, or None for the
            process environment.

    Raises:
        FpromConfigError: A setting is wrong.
    """

    def __init__(
        self,
        app: WSGIApplication,
        fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None,
    ) -> None:
        self.app = app
        self.fprom = Fprom.of(fprom)
        self._address_key = header_key(self.fprom.address_header)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        fprom = self.fprom
        if fprom.needs_start:
            fprom.start_worker()
        context = environ[KEY] = RequestTracking()
        context._fprom = fprom
        context._tid = context._ref_id = context._ip = UNREAD
        context._headers = None
        context._cookies = environ.get("HTTP_COOKIE", "")
        context._forwarded = environ.get(self._address_key, "")
        context._peer = environ.get("REMOTE_ADDR")
        if fprom.sources is not None:
            start_response = _look_further(fprom.sources, context, environ, start_response)
        return self.app(environ, start_response)


@cache
def header_key(name: str) -> str:
    """Return the environ key of a request header.

    Args:
        name: The header's name, in whatever case.

    Returns:
        Such as ``HTTP_X_FORWARDED_FOR``.
    """
    return "HTTP_" + name.upper().replace("-", "_")


def _look_further(
    sources: Sources,
    context: RequestTracking,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> StartResponse:
    def header(name: str) -> str:
        return str(environ.get(header_key(name), ""))

    sources.attach(context, header, query=environ.get("QUERY_STRING", ""))
    cookie = sources.cookie(
        context,
        environ,
        header,
        method=environ.get("REQUEST_METHOD", ""),
        scheme=environ.get("wsgi.url_scheme", ""),
    )
    if cookie is None:
        return start_response
    extra = ("Set-Cookie", cookie)

    def start(
        status: str, headers: list[tuple[str, str]], *rest: Any, **named: Any
    ) -> Callable[[bytes], object]:
        if may_carry(int(status[:3]) if status[:3].isdecimal() else 0, headers):
            headers = [*headers, extra]
        return start_response(status, headers, *rest, **named)

    return start
