"""The tracking context of one request: who the visitor is, read on first use."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..addresses import parse_address
from ..masking import mask_ip, mask_tail
from .cookies import clean_value, find_ref, find_tid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .click import Click
    from .client_ip import AddressReader

KEY: Final = "fprom_middleware.tracking"
"""Where the context stands in a WSGI environ and in an ASGI scope."""
STATE_KEY: Final = "fprom"
"""Where it stands in an ASGI scope's ``state``, which is ``request.state`` in Starlette."""

UNREAD: Final[Any] = object()
"""Stands in a slot whose header has not been read yet."""


class Reader(Protocol):
    """How the headers of a request are read; `fprom_middleware.visitor.reader` does it."""

    @property
    def address_key(self) -> str:
        """The forwarding header's key in a WSGI environ."""
        ...

    @property
    def address_name(self) -> bytes:
        """The forwarding header's name in an ASGI scope."""
        ...

    @property
    def addresses(self) -> AddressReader:
        """Whose address counts."""
        ...

    def read_click(self, context: RequestTracking) -> Click:
        """Read the click of a visitor whom no cookie of the vendor's gives a tid."""
        ...


class Owner(Protocol):
    """Whose middleware attached a context: all that a context knows of an `Fprom`."""

    @property
    def visitor(self) -> Reader:
        """How the headers of a request are read."""
        ...


class TrackingContext:
    """Who a visitor is: read from a request on first use, or given.

    Args:
        tid: FirstPromoter's visitor id.
        ref_id: The promoter's referral id.
        ip: The visitor's address, as `fprom_middleware.addresses.parse_address` reads it.
        captured_at: When these were read, where they come from a token; aware.

    A context made by hand knows no `Fprom`: hand it to ``fprom.track_signup(context, email)``.
    """

    # Neither environ nor scope is ever held: they hold this object, and a cycle would leave
    # every request's objects to the garbage collector.
    __slots__ = ("_captured_at", "_ip", "_ref_id", "_tid", "owner")

    _captured_at: datetime | None
    _ip: str | None
    _ref_id: str | None
    _tid: str | None
    owner: Owner | None

    def __init__(
        self,
        tid: str | None = None,
        ref_id: str | None = None,
        ip: str | None = None,
        captured_at: datetime | None = None,
    ) -> None:
        # What is not text is refused where it would be sent, not here in the middle of a view.
        address = parse_address(ip) if isinstance(ip, str) else ip
        self._tid = _clean(tid)
        self._ref_id = _clean(ref_id)
        self._ip = str(address) if isinstance(address, IPv4Address | IPv6Address) else address
        self._captured_at = captured_at
        self.owner = None

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
        """When the values of a token were read; None for a request's own."""
        return self._captured_at

    def __repr__(self) -> str:
        try:
            values = f"tid={mask_tail(self.tid)}, ref_id={mask_tail(self.ref_id)}"
            return f"TrackingContext({values}, ip={mask_ip(self.ip)})"
        except AttributeError:
            # Half made, as a debugger may meet it.
            return "TrackingContext(…)"


class RequestTracking(TrackingContext):
    """A context that reads a request's own headers; the middlewares make and fill them.

    Attributes:
        cookies: The Cookie header, lines joined by ``; ``.
        forwarded: The forwarding header, lines joined by a comma.
        found_tid: What was read, or `UNREAD`; like the two that follow.
        found_ref_id: See `found_tid`.
        found_ip: See `found_tid`.
        headers: Header lines that `scan` has yet to read, or None.
        peer: The address at the other end of the socket.
        query: The query string; like the next two, filled only where the settings turn on a
            source that needs it.
        tid_header: The value of FPROM_TID_HEADER.
        declines: Whether the visitor's browser says not to keep anything.
    """

    __slots__ = (
        "cookies",
        "declines",
        "forwarded",
        "found_ip",
        "found_ref_id",
        "found_tid",
        "headers",
        "peer",
        "query",
        "tid_header",
    )

    owner: Owner
    cookies: str
    declines: bool
    forwarded: str
    found_ip: str | None
    found_ref_id: str | None
    found_tid: str | None
    headers: Iterable[tuple[bytes, bytes]] | None
    peer: str | None
    query: str
    tid_header: str

    # A constructor in Python would add a sixth to the cost of attaching.
    if TYPE_CHECKING:

        def __init__(self) -> None: ...
    else:
        __init__ = object.__init__

    @property
    def tid(self) -> str | None:
        """FirstPromoter's visitor id, or None."""
        if self.headers is not None:
            self.scan()
        tid = self.found_tid
        if tid is UNREAD:
            tid = find_tid(self.cookies)
            if tid is None:
                tid, self.found_ref_id = self.owner.visitor.read_click(self)
            self.found_tid = tid
        return tid

    @property
    def ref_id(self) -> str | None:
        """The promoter's referral id, or None."""
        # A click is one thing: where no cookie names the tid, it is read with the ref.
        _ = self.tid
        ref_id = self.found_ref_id
        if ref_id is UNREAD:
            ref_id = self.found_ref_id = find_ref(self.cookies)
        return ref_id

    @property
    def ip(self) -> str | None:
        """The visitor's own address, one bare address, or None where it is not known."""
        if self.headers is not None:
            self.scan()
        ip = self.found_ip
        if ip is UNREAD:
            ip = self.found_ip = self.owner.visitor.addresses.read(self.peer, self.forwarded)
        return ip

    @property
    def captured_at(self) -> datetime | None:
        """None: these values are the request's own."""
        return None

    def scan(self) -> None:
        """Fill every slot that the middleware left empty from the header lines."""


def _clean(value: Any) -> Any:
    """Apply the rules for cookies to what was handed in; what is not text is left as it is."""
    return clean_value(value) if isinstance(value, str) else value
