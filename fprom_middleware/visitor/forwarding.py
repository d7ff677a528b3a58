"""How the headers are written in which proxies note down where a request came from."""

from __future__ import annotations

import re
from typing import Final

XFF: Final = "X-Forwarded-For"
FORWARDED: Final = "forwarded"
"""RFC 7239's header, in lower case."""
NO_ADDRESS: Final = "_"
"""Stands for a hop that named no address: RFC 7239's shortest obfuscated identifier."""

# A port that is not a number, and hides what is behind it.
_HIDDEN_PORT: Final = re.compile(r":_[\w.-]+\Z", re.ASCII)
_BARE_IPV6_AND_PORT: Final = re.compile(r"(.*:.*:.*):([^:]+)")


def read_list(header: str) -> list[str]:
    """Split X-Forwarded-For, or an edge's own header.

    Args:
        header: Its lines in order, joined by a comma.

    Returns:
        The entries, the visitor's end first, empty ones included.
    """
    return [entry.strip(" \t") for entry in header.split(",")]


def read_forwarded(header: str) -> list[str]:
    r"""Split RFC 7239's Forwarded.

    It is read from its end: what a client wrote into the beginning, an open quote for
    instance, then changes nothing of what the proxies behind it wrote.

    Args:
        header: Its lines in order, joined by a comma, such as
            ``for=203.0.113.7;proto=https, for="[2001:db8::1]:4711"``.

    Returns:
        The value of each element's ``for``, the visitor's end first; empty for an empty
        element, `NO_ADDRESS` for one that does not say.
    """
    elements = _split_back(header, ",")
    return [_node(element) if element else "" for element in elements]


def bracket_ipv6(entry: str) -> str:
    """Read CloudFront-Viewer-Address, which writes a port behind any address, without brackets.

    Args:
        entry: Such as ``203.0.113.7:4711`` or ``2001:db8::9:4711``.

    Returns:
        The same as other proxies write it; `NO_ADDRESS` where the last group is not a port.
    """
    if entry.startswith("[") or entry.count(":") <= 1:
        # What any address may have: brackets around it, one colon before the port.
        return entry
    match = _BARE_IPV6_AND_PORT.fullmatch(entry)
    return f"[{match[1]}]:{match[2]}" if match else NO_ADDRESS


def _node(element: str) -> str:
    values = []
    for pair in _split_back(element, ";"):
        name, equals, value = pair.partition("=")
        if equals and name.strip(" \t").lower() == "for":
            values.append(value.strip(" \t"))
    if len(values) != 1:
        return NO_ADDRESS
    (value,) = values
    if len(value) > 1 and value[0] == '"' == value[-1]:
        value = value[1:-1]
    return _HIDDEN_PORT.sub("", value) or NO_ADDRESS


def _split_back(text: str, separator: str) -> list[str]:
    """Split at separators that stand outside quotes, counting quotes from the end."""
    parts, end, quoted = [], len(text), False
    for at in range(len(text) - 1, -1, -1):
        char = text[at]
        if char == '"':
            quoted ^= not _is_escaped(text, at)
        elif char == separator and not quoted:
            parts.append(text[at + 1 : end].strip(" \t"))
            end = at
    parts.append(text[:end].strip(" \t"))
    return parts[::-1]


def _is_escaped(text: str, at: int) -> bool:
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1
