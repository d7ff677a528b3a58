"""WSGI middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .context import KEY, UNREAD, RequestTracking
from .tracker import Fprom

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from .settings import FpromSettings


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
        self._address_key = "HTTP_" + self.fprom.address_header.upper().replace("-", "_")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if self.fprom.asleep:
            self.fprom.start()
        context = environ[KEY] = WsgiTracking()
        context._fprom = self.fprom
        context._tid = context._ref_id = context._ip = UNREAD
        context._cookies = environ.get("HTTP_COOKIE", "")
        context._forwarded = environ.get(self._address_key, "")
        context._peer = environ.get("REMOTE_ADDR")
        return self.app(environ, start_response)


class WsgiTracking(RequestTracking):
    """The context of a WSGI request: three strings of its environ.

    Args:
        fprom: Whose middleware this is.
        cookies: The Cookie header.
        forwarded: The forwarding header.
        peer: The address at the other end of the socket.
    """

    __slots__ = ()
