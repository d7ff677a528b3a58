"""ASGI middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .context import KEY, STATE_KEY, UNREAD, RequestTracking
from .tracker import Fprom

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping

    from .settings import FpromSettings

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class FpromMiddleware:
    """Attach a tracking context to the scope of each http and websocket connection.

    Args:
        app: The ASGI application to wrap.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, or None for the
            process environment.

    Raises:
        FpromConfigError: A setting is wrong.
    """

    def __init__(
        self,
        app: ASGIApp,
        fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None,
    ) -> None:
        self.app = app
        self.fprom = Fprom.of(fprom)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; scope types other than http and websocket pass through."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":  # noqa: PLR1714 - half the cost of `in`
            if self.fprom.asleep:
                self.fprom.start()
            context = AsgiTracking()
            context._fprom = self.fprom
            context._cookies = UNREAD
            context._headers = scope["headers"]
            context._client = scope.get("client")
            # Set in place: on a copied scope the handlers outside this middleware miss it.
            scope[KEY] = context
            state = scope.get("state")
            if state is None:
                state = scope["state"] = {}
            state[STATE_KEY] = context
        await self.app(scope, receive, send)


class AsgiTracking(RequestTracking):
    """The context of an ASGI connection: the header list and the peer of its scope.

    Args:
        fprom: Whose middleware this is.
        headers: The scope's headers.
        client: The scope's client.
    """

    __slots__ = ("_client", "_headers")

    _client: tuple[str, int] | None
    _headers: Iterable[tuple[bytes, bytes]]

    def _scan(self) -> None:
        self._tid = self._ref_id = self._ip = UNREAD
        # Both at once: whoever asks for the one mostly asks for the other.
        wanted = self._fprom.address_name
        cookies, forwarded = [], []
        for name, value in self._headers:
            if name == b"cookie":
                cookies.append(value)
            elif name == wanted:
                forwarded.append(value)
        self._cookies = b"; ".join(cookies).decode("latin-1")
        self._forwarded = b",".join(forwarded).decode("latin-1")
        self._peer = self._client[0] if self._client else None
