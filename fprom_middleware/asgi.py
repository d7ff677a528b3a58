"""ASGI middleware: attaches a tracking context to every request, and reads nothing yet."""

# ruff: noqa: SLF001 - a constructor in Python would add a sixth to the cost of attaching

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import Fprom
from .visitor.context import KEY, STATE_KEY, UNREAD, RequestTracking
from .visitor.cookie_policy import may_carry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping

    from .settings.model import FpromSettings
    from .visitor.sources import Sources

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
            fprom = self.fprom
            if fprom.needs_start:
                fprom.start_worker()
            context = AsgiTracking()
            context._fprom = fprom
            context._headers = scope["headers"]
            context._client = scope.get("client")
            # Set in place: on a copied scope the handlers outside this middleware miss it.
            scope[KEY] = context
            state = scope.get("state")
            if state is None:
                state = scope["state"] = {}
            state[STATE_KEY] = context
            if fprom.sources is not None:
                send = _look_further(fprom.sources, context, scope, send)
        await self.app(scope, receive, send)


def _look_further(sources: Sources, context: AsgiTracking, scope: Scope, send: Send) -> Send:
    def header(name: str) -> str:
        wanted = name.encode("ascii")
        lines = [value for key, value in scope["headers"] if key == wanted]
        return b",".join(lines).decode("latin-1")

    context.read_headers()
    sources.attach(context, header, query=scope.get("query_string", b"").decode("latin-1"))
    cookie = sources.cookie(
        context,
        scope,
        header,
        # A websocket's handshake is no navigation.
        method=scope.get("method", ""),
        scheme=scope.get("scheme", ""),
    )
    if cookie is None:
        return send
    extra = (b"set-cookie", cookie.encode("ascii"))

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            texts = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
            if may_carry(message["status"], texts):
                headers.append(extra)
            # Also where nothing is added: any iterable is allowed, and this one is read now.
            message = {**message, "headers": headers}
        await send(message)

    return sending


class AsgiTracking(RequestTracking):
    """The context of an ASGI connection; it goes through the header lines at the first question.

    Attributes:
        _client: The scope's client.
    """

    __slots__ = ("_client",)

    _client: tuple[str, int] | None

    def read_headers(self) -> None:
        """Go through the header lines now, where a source needs the cookies at once."""
        if self._headers is not None:
            self._scan(self._headers)

    def _scan(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        # Both at once: whoever asks for the one mostly asks for the other.
        wanted = self._fprom.address_name
        cookies, forwarded = [], []
        for name, value in headers:
            if name == b"cookie":
                cookies.append(value)
            elif name == wanted:
                forwarded.append(value)
        self._cookies = b"; ".join(cookies).decode("latin-1")
        self._forwarded = b",".join(forwarded).decode("latin-1")
        self._peer = self._client[0] if self._client else None
        self._tid = self._ref_id = self._ip = UNREAD
        # Last: until then another thread that asks goes through the lines as well.
        self._headers = None
