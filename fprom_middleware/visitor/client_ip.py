"""The visitor's own address out of the socket's peer and what proxies wrote down.

Read this before trusting a header: everything a client sends can be invented. A forwarding
header is worth something only where a proxy of yours wrote it, and only the part that your
proxies wrote. The answer is therefore the visitor's address, or None; it is never a guess,
because a wrong address makes FirstPromoter's fraud check accuse an honest promoter.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..addresses import (
    GROUPS,
    MAX_ENTRY,
    Network,
    is_public,
    parse_address,
    parse_network,
    truncate,
    within,
)
from ..settings.choices import SendIp
from .forwarding import FORWARDED, XFF, bracket_ipv6, read_forwarded, read_list

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEADER: Final = 8192
"""Characters of a forwarding header that are looked at, counted from its end."""

_UNIX: Final = "unix:"
_READERS: Final[dict[str, Callable[[str], list[str]]]] = {FORWARDED: read_forwarded}
_EDGES: Final[dict[str, Callable[[str], str]]] = {"cloudfront-viewer-address": bracket_ipv6}
# Headers of up to 8,192 characters each: 2 MB where an attacker fills it.
_CACHED = 256

logger: logging.Logger = logging.getLogger(__name__)


class AddressReader:
    """The visitor's address, by one compiled rule.

    Args:
        trusted: How far forwarding headers are believed. An int is the number of proxies
            that append to the header; 0 believes none. A tuple lists the trusted proxies:
            addresses, CIDRs, and the words of `GROUPS`.
        header: The header's name: X-Forwarded-For and Forwarded are lists that each proxy
            appends to; any other is one address that the edge overwrites.
    """

    __slots__ = (
        "_cached_decision",
        "_classify",
        "_count",
        "_edge",
        "_entries",
        "_header",
        "_networks",
        "_warned",
    )

    def __init__(self, trusted: int | tuple[str, ...] = 0, *, header: str = XFF) -> None:
        self._count = trusted if isinstance(trusted, int) else 0
        self._networks: tuple[Network, ...] = ()
        if not isinstance(trusted, int):
            self._networks = tuple(
                parse_network(net) for entry in trusted for net in GROUPS.get(entry, (entry,))
            )
        self._header = header
        name = header.lower()
        self._entries = _READERS.get(name, read_list)
        self._edge = None if name in {XFF.lower(), FORWARDED} else _EDGES.get(name, str)
        self._warned: set[str] = set()
        # Proxies are few and asked about again and again; so is a visitor on one page.
        self._classify = lru_cache(maxsize=_CACHED)(self._classify_uncached)
        self._cached_decision = lru_cache(maxsize=_CACHED)(self._decide)

    def read(self, peer: str | None, header: str) -> str | None:
        """Say who the visitor is.

        Args:
            peer: The address at the other end of the socket; None, empty or ``unix:`` where
                the server listens on a unix socket.
            header: All lines of the one header in question, in order, joined by a comma.

        Returns:
            One bare address in canonical form, or None where it is not known.
        """
        if len(header) > MAX_HEADER:
            # One character more tells whether the cut splits an entry.
            header = header[-MAX_HEADER - 1 :]
        return self._cached_decision(peer, header)

    def trusts(self, peer: str | None) -> bool:
        """Say whether what a peer hands on is believed.

        Args:
            peer: As in `read`.

        Returns:
            True for a trusted proxy.
        """
        if self._count or not self._networks:
            return self._count > 0
        return not peer or peer.startswith(_UNIX) or self._classify(peer)[1]

    def _decide(self, peer: str | None, header: str) -> str | None:
        if not self.trusts(peer):
            address = self._classify(peer)[0] if peer else None
            if address is not None and header and not is_public(address):
                self._warn_untrusted()
            return address
        entries = self._entries(header)
        if len(header) > MAX_HEADER:
            # The leftmost entry is split by the cut, or is the empty one before a comma.
            del entries[0]
        entries = [entry for entry in entries if entry]
        if self._edge is not None:
            return self._read_edge(entries)
        return self._count_back(entries) if self._count else self._walk(entries)

    def _read_edge(self, entries: list[str]) -> str | None:
        address = None
        if len(entries) == 1 and self._edge is not None:
            address, _ = self._classify(self._edge(_clip(entries[0])))
        if address is None:
            self._warn_edge()
        return address

    def _count_back(self, entries: list[str]) -> str | None:
        if len(entries) < self._count:
            return None
        return self._classify(_clip(entries[-self._count]))[0]

    def _walk(self, entries: list[str]) -> str | None:
        for entry in reversed(entries):
            address, trusted = self._classify(_clip(entry))
            if not trusted:
                return address
        return None

    def _classify_uncached(self, entry: str) -> tuple[str | None, bool]:
        if entry == _UNIX:
            # A hop of this machine, as nginx writes a peer without an address.
            return None, bool(self._networks)
        address = parse_address(entry)
        if address is None:
            return None, False
        return str(address), within(address, self._networks)

    def _warn_untrusted(self) -> None:
        self._warn_once(
            f"A peer that is not public hands on {self._header}, and FPROM_TRUSTED_PROXIES does "
            "not trust it: this app seems to be behind a proxy, and the proxy's address is not "
            'the visitor\'s. Set FPROM_TRUSTED_PROXIES, for example to "internal".'
        )

    def _warn_edge(self) -> None:
        self._warn_once(
            f"FPROM_CLIENT_IP_HEADER={self._header}: a trusted peer's request held no address "
            "there, so its visitor's address is not known. Is that the header your edge sets?"
        )

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            logger.warning("%s", text)


def _clip(entry: str) -> str:
    # Not cut short: the beginning of a long entry could read as an address.
    return entry if len(entry) <= MAX_ENTRY else "_"


def sendable_ip(ip: str | None, rule: SendIp) -> str | None:
    """Decide what of an address goes into a sign-up.

    Args:
        ip: One bare address, or None.
        rule: FPROM_SEND_IP.

    Returns:
        The address, its network's first address, or None.
    """
    if ip is None or rule is SendIp.NEVER:
        return None
    if rule is SendIp.ANY:
        return ip
    if not is_public(ip):
        return None
    return truncate(ip) if rule is SendIp.TRUNCATED else ip
