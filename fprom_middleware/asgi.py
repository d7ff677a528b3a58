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
            context = AsgiTracking(self.fprom, scope["headers"], scope.get("client"))
            # Set in place: on a copied scope the handlers outside this middleware miss it.
            scope[KEY] = context
            state = scope.get("state")
            if state is None:
                scope["state"] = {STATE_KEY: context}
            else:
                state[STATE_KEY] = context
        await self.app(scope, receive, send)


class AsgiTracking(RequestTracking):
    """The context of an ASGI connection: the header list and the peer of its scope.

    Args:
        fprom: Whose middleware this is.
        headers: The scope's headers.
        client: The scope's client.
    """

    __slots__ = ("_client", "_forwarded", "_headers", "_line")

    _forwarded: str
    _line: str

    def __init__(
        self,
        fprom: Fprom,
        headers: Iterable[tuple[bytes, bytes]],
        client: tuple[str, int] | None,
    ) -> None:
        self._fprom = fprom
        self._tid = self._ref_id = self._ip = self._line = UNREAD
        self._headers = headers
        self._client = client

    def _cookies(self) -> str:
        if self._line is UNREAD:
            self._scan()
        return self._line

    def _address(self) -> str | None:
        if self._line is UNREAD:
            self._scan()
        return self._fprom.addresses.read(
            self._client[0] if self._client else None, self._forwarded
        )

    def _scan(self) -> None:
        # Both at once: whoever asks for the one mostly asks for the other.
        wanted = self._fprom.address_name
        cookies, forwarded = [], []
        for name, value in self._headers:
            if name == b"cookie":
                cookies.append(value)
            elif name == wanted:
                forwarded.append(value)
        self._line = b"; ".join(cookies).decode("latin-1")
        self._forwarded = b",".join(forwarded).decode("latin-1")
