"""The tracking context of one request, and finding it on any framework's request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..addresses import parse_address
from ..errors import INSTALL_HINT, FpromNotInstalled
from ..masking import mask_ip, mask_tail
from .cookies import find_ref, find_tid

if TYPE_CHECKING:
    from datetime import datetime

    from ..account import Fprom

KEY: Final = "fprom_middleware.tracking"
"""Where the context stands in a WSGI environ and in an ASGI scope."""
STATE_KEY: Final = "fprom"
"""Where it stands in an ASGI scope's ``state``, which is ``request.state`` in Starlette."""

UNREAD: Final[Any] = object()
"""Stands in a slot whose header nobody has asked for yet."""

# Where frameworks keep the environ or the scope of a request.
_ATTRIBUTES = ("environ", "scope", "env", "wsgi_environ", "_scope")
# What one protocol's bridge leaves of the other inside its own mapping.
_BRIDGES = ("asgi.scope", "wsgi_environ")


class TrackingContext:
    """Who a visitor is: read from a request on first use, or given.

    Args:
        tid: FirstPromoter's visitor id.
        ref_id: The promoter's referral id.
        ip: The visitor's address, as `fprom_middleware.visitor.client_ip.parse_address` reads it.
        captured_at: When these were read, where they were carried; aware.

    A context made by hand knows no `Fprom`: hand it to ``fprom.track_signup(context, email)``.
    """

    # Neither environ nor scope is ever held: they hold this object, and a cycle would leave
    # every request's objects to the garbage collector.
    __slots__ = ("_captured_at", "_fprom", "_ip", "_ref_id", "_tid")

    _captured_at: datetime | None
    _fprom: Fprom | None
    _ip: str | None
    _ref_id: str | None
    _tid: str | None

    def __init__(
        self,
        tid: str | None = None,
        ref_id: str | None = None,
        ip: str | None = None,
        captured_at: datetime | None = None,
    ) -> None:
        address = parse_address(ip) if ip else None
        self._tid = tid or None
        self._ref_id = ref_id or None
        self._ip = None if address is None else str(address)
        self._captured_at = captured_at
        self._fprom = None

    @property
    def tid(self) -> str | None:
        """FirstPromoter's visitor id, or None."""
        return self._tid

    @property
    def ref_id(self) -> str | None:
        """The promoter's referral id, or None."""
        return self._ref_id

    @property
    def ip(self) -> str | None:
        """The visitor's own address, one bare address, or None where it is not known."""
        return self._ip

    @property
    def captured_at(self) -> datetime | None:
        """When the values of a carried context were read; None for a request's own."""
        return self._captured_at

    def __repr__(self) -> str:
        values = f"tid={mask_tail(self.tid)}, ref_id={mask_tail(self.ref_id)}"
        return f"TrackingContext({values}, ip={mask_ip(self.ip)})"


class RequestTracking(TrackingContext):
    """A context that reads a request's own headers; the middlewares make and fill them.

    Attributes:
        _cookies: The Cookie header, lines joined by ``; ``.
        _forwarded: The forwarding header, lines joined by a comma.
        _headers: Header lines that `_scan` has yet to read, or None.
        _peer: The address at the other end of the socket.
        _query: The query string; like the next two, filled only where the settings turn on a
            source that needs it.
        _tid_header: The value of FPROM_TID_HEADER.
        _declines: Whether the visitor's browser says not to keep anything.
    """

    __slots__ = (
        "_cookies",
        "_declines",
        "_forwarded",
        "_headers",
        "_peer",
        "_query",
        "_tid_header",
    )

    _fprom: Fprom
    _cookies: str
    _declines: bool
    _forwarded: str
    _headers: Iterable[tuple[bytes, bytes]] | None
    _peer: str | None
    _query: str
    _tid_header: str

    # A constructor in Python would add a sixth to the cost of attaching.
    __init__ = object.__init__

    @property
    def tid(self) -> str | None:
        """FirstPromoter's visitor id, or None."""
        if self._headers is not None:
            self._scan(self._headers)
        tid = self._tid
        if tid is UNREAD:
            tid = find_tid(self._cookies)
            sources = self._fprom.sources
            if tid is None and sources is not None:
                tid = sources.find_tid(self)
            self._tid = tid
        return tid

    @property
    def ref_id(self) -> str | None:
        """The promoter's referral id, or None."""
        if self._headers is not None:
            self._scan(self._headers)
        ref_id = self._ref_id
        if ref_id is UNREAD:
            ref_id = find_ref(self._cookies)
            sources = self._fprom.sources
            if ref_id is None and sources is not None:
                ref_id = sources.find_ref(self)
            self._ref_id = ref_id
        return ref_id

    @property
    def ip(self) -> str | None:
        """The visitor's own address, one bare address, or None where it is not known."""
        if self._headers is not None:
            self._scan(self._headers)
        ip = self._ip
        if ip is UNREAD:
            ip = self._ip = self._fprom.addresses.read(self._peer, self._forwarded)
        return ip

    @property
    def captured_at(self) -> datetime | None:
        """None: these values are the request's own."""
        return None

    def _scan(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Fill every slot that the middleware left empty, and let go of the header lines."""


def get_tracking(request: object) -> TrackingContext:
    """Return the tracking context that the middleware attached.

    Args:
        request: Any framework's request, a raw WSGI environ or ASGI scope, or a
            `TrackingContext`, which is returned as it is.

    Returns:
        The context; its ``tid``, ``ref_id`` and ``ip`` are read on first use.

    Raises:
        FpromNotInstalled: No middleware ran before; the text shows the lines to add.
    """
    # The shortest way for a raw environ or scope, which is what adapters hand in.
    if type(request) is dict:
        found = request.get(KEY)
        if isinstance(found, TrackingContext):
            return found
    return locate(request)[0]


def locate(request: object) -> tuple[TrackingContext, Mapping[str, Any] | None]:
    """Find the context and the environ or scope it stands in.

    Args:
        request: As in `get_tracking`.

    Returns:
        The context and its mapping; None in place of the mapping for a bare context.

    Raises:
        FpromNotInstalled: As in `get_tracking`.
    """
    for found, mapping in _places(request):
        if isinstance(found, TrackingContext):
            return found, mapping
    msg = f"This {type(request).__name__} carries no tracking context. {INSTALL_HINT}"
    raise FpromNotInstalled(msg)


def _places(request: object) -> Iterator[tuple[object, Mapping[str, Any] | None]]:
    # The request itself comes last: Starlette's is a mapping too, but not the scope that a
    # consent hook is promised.
    for name in (*_ATTRIBUTES, ""):
        # All of it in here: a proxy may even refuse to say what it is.
        try:
            place = getattr(request, name, None) if name else request
            if isinstance(place, TrackingContext):
                yield place, None
            # A mock has every attribute; only a mapping is an environ or a scope.
            elif isinstance(place, Mapping):
                yield place.get(KEY), place
                for bridge in _BRIDGES:
                    inner = place.get(bridge)
                    if isinstance(inner, Mapping):
                        yield inner.get(KEY), inner
        except RuntimeError as error:
            # Flask's and Quart's proxies refuse outside a request; Sanic outside ASGI mode.
            if "context" in str(error).lower():
                msg = (
                    "There is no request here: it was read outside a request context. Hand in "
                    "a TrackingContext, or the request itself from inside the view."
                )
                raise FpromNotInstalled(msg) from error
        except Exception:  # noqa: BLE001, S112 - a property of a foreign class may raise anything
            continue
