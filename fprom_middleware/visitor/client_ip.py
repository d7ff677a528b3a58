"""The visitor's own address out of the socket's peer and what proxies wrote down.

Read this before trusting a header: everything a client sends can be invented. A forwarding
header is worth something only where a proxy of yours wrote it, and only the part that your
proxies wrote. The answer is therefore the visitor's address, or None; it is never a guess,
because a wrong address makes FirstPromoter's fraud check accuse an honest promoter.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

MAX_HEADER: Final = 8192
"""Characters of a forwarding header that are looked at, counted from its end."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
}
"""The words that stand for networks in FPROM_TRUSTED_PROXIES."""

_NOT_PUBLIC: Final = tuple(
    ip_network(net)
    for net in (
        *GROUPS["loopback"],
        *GROUPS["private"],
        "169.254.0.0/16",
        "fe80::/10",
        "100.64.0.0/10",
        "224.0.0.0/4",
        "ff00::/8",
        "240.0.0.0/4",
    )
)
_NEAR: Final = tuple(ip_network(net) for net in GROUPS["private"])
_LOOPBACK: Final = tuple(ip_network(net) for net in GROUPS["loopback"])
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
# The longest entry that can be an address: 45 characters, a zone, brackets and a port.
_MAX_ENTRY = 128
_MAX_PORT = 65535
# Headers of up to 8,192 characters each: 2 MB where someone sets out to fill it.
_CACHED = 256

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

logger = logging.getLogger("fprom_middleware")


def parse_address(text: str) -> Address | None:
    """Read one address as people and proxies write it.

    Args:
        text: ``192.0.2.1``, ``192.0.2.1:443``, ``2001:db8::1``, ``[2001:db8::1]:443``,
            ``fe80::1%eth0``, with or without blanks around it.

    Returns:
        The address, an IPv4-mapped one folded to IPv4; None for anything else, for a
        network, for leading zeros, and for the unspecified addresses.
    """
    text = text.strip(" \t")
    if not text or len(text) > _MAX_ENTRY:
        return None
    if text[0] == "[":
        text, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not (rest[0] == ":" and _is_port(rest[1:]))):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(port):
            return None
    if ":" in text:
        text, percent, zone = text.partition("%")
        if percent and not zone:
            return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return None if address.is_unspecified else address


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= _MAX_PORT  # noqa: PLR2004 - digits of 65535


def parse_network(text: str) -> Network:
    """Read one entry of a list of trusted proxies.

    Args:
        text: An address or a CIDR; an IPv4-mapped network is folded to IPv4.

    Returns:
        The network.

    Raises:
        ValueError: It is neither, has host bits set, or contains every address.
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network((int(mapped or 0), network.prefixlen - 96))
    if network.prefixlen == 0:
        msg = "no setting trusts every address"
        raise ValueError(msg)
    return network


class AddressReader:
    """The visitor's address, by one compiled rule.

    Args:
        trusted: How far forwarding headers are believed. An int is the number of proxies
            that append to X-Forwarded-For; 0 believes none. A tuple lists the trusted
            proxies: addresses, CIDRs, and the words of `GROUPS`.
        edge: True where one header that the edge overwrites is read in place of
            X-Forwarded-For.
    """

    __slots__ = ("_count", "_edge", "_hop", "_networks", "_recall", "_told")

    def __init__(self, trusted: int | tuple[str, ...] = 0, *, edge: bool = False) -> None:
        self._count = trusted if isinstance(trusted, int) else 0
        self._networks: tuple[Network, ...] = ()
        if not isinstance(trusted, int):
            self._networks = tuple(
                parse_network(net) for entry in trusted for net in GROUPS.get(entry, (entry,))
            )
        self._edge = edge
        self._told = False
        # Proxies are few and asked about again and again; so is a visitor on one page.
        self._hop = lru_cache(maxsize=_CACHED)(self._look_at)
        self._recall = lru_cache(maxsize=_CACHED)(self._decide)

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
        return self._recall(peer, header)

    def _decide(self, peer: str | None, header: str) -> str | None:
        if self._count:
            return self._read_edge(header) if self._edge else self._count_back(header)
        if peer:
            address, trusted = self._hop(peer)
            if not trusted:
                if address is not None and not self._told and not self._networks:
                    self._tell(address, header)
                return address
        elif not self._networks:
            return None
        return self._read_edge(header) if self._edge else self._walk(header)

    def _read_edge(self, header: str) -> str | None:
        entries = _entries(header)
        return self._hop(_clip(entries[0]))[0] if len(entries) == 1 else None

    def _count_back(self, header: str) -> str | None:
        entries = _entries(header)
        if len(entries) < self._count:
            return None
        return self._hop(_clip(entries[-self._count]))[0]

    def _walk(self, header: str) -> str | None:
        for entry in reversed(_entries(header)):
            address, trusted = self._hop(_clip(entry))
            if not trusted:
                return address
        return None

    def _look_at(self, entry: str) -> tuple[str | None, bool]:
        address = parse_address(entry)
        if address is None:
            return None, False
        return str(address), any(address in network for network in self._networks)

    def _tell(self, peer: str, header: str) -> None:
        address = ip_address(peer)
        near = _within(address, _NEAR) or (bool(header) and _within(address, _LOOPBACK))
        if near and not self._told:
            self._told = True
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
    return entry if len(entry) <= _MAX_ENTRY else ""


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def is_public(ip: str) -> bool:
    """Say whether an address means something outside its own network.

    Ranges are listed, not asked of `ipaddress`: `is_private` there is true for the
    documentation ranges too, and differs between Python versions.

    Args:
        ip: One bare address.

    Returns:
        False for loopback, RFC 1918, fc00::/7, link-local, 100.64.0.0/10, multicast and
        240.0.0.0/4.
    """
    return not _within(ip_address(ip), _NOT_PUBLIC)


def truncate(ip: str) -> str:
    """Cut an address to its network: /24 of IPv4, /48 of IPv6.

    Args:
        ip: One bare address.

    Returns:
        The first address of that network.
    """
    bits = 24 if "." in ip and ":" not in ip else 48
    return str(ip_network((ip, bits), strict=False).network_address)
