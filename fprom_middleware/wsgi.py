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
        environ[KEY] = WsgiTracking(
            self.fprom,
            environ.get("HTTP_COOKIE", ""),
            environ.get(self._address_key, ""),
            environ.get("REMOTE_ADDR"),
        )
        return self.app(environ, start_response)


class WsgiTracking(RequestTracking):
    """The context of a WSGI request: three strings of its environ.

    Args:
        fprom: Whose middleware this is.
        cookies: The Cookie header.
        forwarded: The forwarding header.
        peer: The address at the other end of the socket.
    """

    __slots__ = ("_forwarded", "_line", "_peer")

    def __init__(self, fprom: Fprom, cookies: str, forwarded: str, peer: str | None) -> None:
        self._fprom = fprom
        self._tid = self._ref_id = self._ip = UNREAD
        self._line = cookies
        self._forwarded = forwarded
        self._peer = peer

    def _cookies(self) -> str:
        return self._line

    def _address(self) -> str | None:
        return self._fprom.addresses.read(self._peer, self._forwarded)
