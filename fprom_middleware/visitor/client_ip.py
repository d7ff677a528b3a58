"""The visitor's own address out of the socket's peer and what proxies wrote down.

Read this before trusting a header: everything a client sends can be invented. A forwarding
header is worth something only where a proxy of yours wrote it, and only the part that your
proxies wrote. The answer is therefore the visitor's address, or None; it is never a guess,
because a wrong address makes FirstPromoter's fraud check accuse an honest promoter.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Final

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

MAX_HEADER: Final = 8192
"""Characters of a forwarding header that are looked at, counted from its end."""

_NEAR: Final = tuple(ip_network(net) for net in GROUPS["private"])
_LOOPBACK: Final = tuple(ip_network(net) for net in GROUPS["loopback"])
# Headers of up to 8,192 characters each: 2 MB where an attacker fills it.
_CACHED = 256

logger = logging.getLogger(__name__)


class AddressReader:
    """The visitor's address, by one compiled rule.

    Args:
        trusted: How far forwarding headers are believed. An int is the number of proxies
            that append to X-Forwarded-For; 0 believes none. A tuple lists the trusted
            proxies: addresses, CIDRs, and the words of `GROUPS`.
        edge: True where one header that the edge overwrites is read in place of
            X-Forwarded-For.
    """

    __slots__ = ("_cached_decision", "_classify", "_count", "_edge", "_networks", "_warned")

    def __init__(self, trusted: int | tuple[str, ...] = 0, *, edge: bool = False) -> None:
        self._count = trusted if isinstance(trusted, int) else 0
        self._networks: tuple[Network, ...] = ()
        if not isinstance(trusted, int):
            self._networks = tuple(
                parse_network(net) for entry in trusted for net in GROUPS.get(entry, (entry,))
            )
        self._edge = edge
        self._warned = False
        # Proxies are few and asked about again and again; so is a visitor on one page.
        self._classify = lru_cache(maxsize=_CACHED)(self._classify_uncached)
        self._cached_decision = lru_cache(maxsize=_CACHED)(self._decide)

    def read(self, peer: str | None, header: str) -> str | None:
        """Say who the visitor is.

        Args:
            peer: The address at the other end of the socket; None or empty where the
                server listens on a unix socket.
            header: All lines of the one header in question, in order, joined by a comma:
                the edge's own where there is one, else X-Forwarded-For.

        Returns:
            One bare address in canonical form, or None where it is not known.
        """
        if len(header) > MAX_HEADER:
            # One character more tells whether the cut splits an entry.
            header = header[-MAX_HEADER - 1 :]
        return self._cached_decision(peer, header)

    def _decide(self, peer: str | None, header: str) -> str | None:
        if self._count:
            return self._read_edge(header) if self._edge else self._count_back(header)
        if peer:
            address, trusted = self._classify(peer)
            if not trusted:
                if address is not None and not self._warned and not self._networks:
                    self._log_private_peer(address, header)
                return address
        elif not self._networks:
            return None
        return self._read_edge(header) if self._edge else self._walk(header)

    def _read_edge(self, header: str) -> str | None:
        entries = _entries(header)
        return self._classify(_clip(entries[0]))[0] if len(entries) == 1 else None

    def _count_back(self, header: str) -> str | None:
        entries = _entries(header)
        if len(entries) < self._count:
            return None
        return self._classify(_clip(entries[-self._count]))[0]

    def _walk(self, header: str) -> str | None:
        for entry in reversed(_entries(header)):
            address, trusted = self._classify(_clip(entry))
            if not trusted:
                return address
        return None

    def _classify_uncached(self, entry: str) -> tuple[str | None, bool]:
        address = parse_address(entry)
        if address is None:
            return None, False
        return str(address), any(address in network for network in self._networks)

    def _log_private_peer(self, peer: str, header: str) -> None:
        address = ip_address(peer)
        near = within(address, _NEAR) or (bool(header) and within(address, _LOOPBACK))
        if near and not self._warned:
            self._warned = True
            logger.warning(
                "The socket's peer is a private address and FPROM_TRUSTED_PROXIES trusts none: "
                "this app seems to be behind a proxy, and the proxy's address is not the "
                'visitor\'s. Set FPROM_TRUSTED_PROXIES, for example "loopback, private".'
            )


def _entries(header: str) -> list[str]:
    cut = len(header) - MAX_HEADER
    if cut > 0:
        # An entry that the cut splits is not an entry; one that begins right there is.
        if header[cut - 1] != ",":
            comma = header.find(",", cut)
            cut = comma + 1 if comma >= 0 else len(header)
        header = header[cut:]
    return [entry for part in header.split(",") if (entry := part.strip(" \t"))]


def _clip(entry: str) -> str:
    # Not cut short: the beginning of a long entry could read as an address.
    return entry if len(entry) <= MAX_ENTRY else ""


def sendable_ip(ip: str | None, rule: SendIp) -> str | None:
    """Decide what of an address goes into a lead.

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
