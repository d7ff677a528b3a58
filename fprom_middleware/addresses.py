"""What an address is: reading one, and which ranges mean something to others."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MAX_ENTRY: Final = 128
"""Characters of the longest text that can be an address: 45, a zone, brackets and a port."""

_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "shared": ("100.64.0.0/10",),
}
GROUPS: Final = {**_GROUPS, "internal": tuple(net for nets in _GROUPS.values() for net in nets)}
"""The words that stand for networks in FPROM_TRUSTED_PROXIES."""

_NOT_PUBLIC: Final = tuple(
    ip_network(net)
    for net in (
        *GROUPS["internal"],
        *("0.0.0.0/8", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
        *("fec0::/10", "ff00::/8"),
    )
)
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_6TO4: Final = IPv6Network("2002::/16")
# As numbers by version: asked about the address of each sign-up, networks take ten times as long.
_NOT_PUBLIC_NUMBERS: Final = {
    version: tuple(
        (int(net.netmask), int(net.network_address))
        for net in _NOT_PUBLIC
        if net.version == version
    )
    for version in (4, 6)
}
_WIDEST: Final = {4: 8, 6: 7}
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_MAX_PORT: Final = 65535


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
    if not text or len(text) > MAX_ENTRY:
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
        ValueError: It is neither, has host bits set, or is wider than /8 (IPv4) or /7 (IPv6).
    """
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        network = IPv4Network((int(mapped or 0), network.prefixlen - 96))
    if network.prefixlen < _WIDEST[network.version]:
        msg = "too wide"
        raise ValueError(msg)
    return network


def within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Say whether an address is in any of some networks."""
    return any(address in network for network in networks)


def is_loopback_host(host: str) -> bool:
    """Say whether a URL's host is this very machine.

    Args:
        host: A name or an address, without brackets and port, in lower case.

    Returns:
        True for ``localhost``, 127.0.0.0/8 and ``::1``. Other names may resolve to another
        machine.
    """
    address = parse_address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_public(ip: str) -> bool:
    """Say whether an address means something outside its own network.

    Ranges are listed, not asked of `ipaddress`: `is_private` there is true for the
    documentation ranges too, and differs between Python versions.

    Args:
        ip: One bare address.

    Returns:
        False for loopback, RFC 1918, fc00::/7, link-local, 100.64.0.0/10, multicast, 0.0.0.0/8,
        198.18.0.0/15, 240.0.0.0/4, fec0::/10, and for NAT64 and 6to4 of such an address.
    """
    address = ip_address(ip)
    address = _embedded(address) or address
    number = int(address)
    return all(number & mask != net for mask, net in _NOT_PUBLIC_NUMBERS[address.version])


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that NAT64 or 6to4 wrote into an IPv6 address."""
    if isinstance(address, IPv4Address):
        return None
    if within(address, _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return IPv4Address(int(address) >> 80 & 0xFFFFFFFF) if address in _6TO4 else None


def truncate(ip: str) -> str:
    """Cut an address to its network: /24 of IPv4, /48 of IPv6.

    Args:
        ip: One bare address.

    Returns:
        The first address of that network.
    """
    bits = 24 if "." in ip and ":" not in ip else 48
    return str(ip_network((ip, bits), strict=False).network_address)
