"""How personal data looks in a repr or a log line: recognizable to its owner, useless to others."""

from __future__ import annotations

_TAIL = 4
_LONG_ENOUGH = 12
_MAX_DOMAIN = 64


class Secret(str):
    """Text that is not shown: its repr, which tracebacks with locals print, is masked."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


def mask_email(email: object) -> str | None:
    """Keep the first letter and the domain.

    Args:
        email: An e-mail address, or whatever a view handed in in its place.

    Returns:
        ``a***@example.com``; ``***`` for what has no domain; None for None.
    """
    if not isinstance(email, str):
        return None if email is None else "***"
    local, at, domain = email.rpartition("@")
    if not at or not local:
        return "***"
    # What a visitor typed may hold line breaks: one log line stays one line.
    printable = ascii(f"{local[0]}***@{domain[:_MAX_DOMAIN]}")
    return printable[1:-1]


def mask_tail(value: object) -> str | None:
    """Keep the last four characters of a long value, nothing of a short one.

    Args:
        value: A tid, a uid, a key, or whatever was handed in in its place.

    Returns:
        ``…1234``, or ``…`` where four characters would give too much away; None for None.
    """
    if not isinstance(value, str):
        return None if value is None else "…"
    return "…" if len(value) < _LONG_ENOUGH else "…" + ascii(value[-_TAIL:])[1:-1]


def mask_ip(ip: object) -> str | None:
    """Keep nothing but whether there is an address, and of which version.

    Args:
        ip: A bare address.

    Returns:
        ``IPv4`` or ``IPv6``; None for None.
    """
    if not isinstance(ip, str):
        return None if ip is None else "…"
    return "IPv6" if ":" in ip else "IPv4"


def mask_url(url: str) -> str:
    """Hide what stands between the scheme and the host, and every parameter."""
    if url.startswith("django:"):
        # An alias, which hides all that there is to hide.
        return url
    scheme, _, rest = url.partition("://")
    place, _, parameters = rest.partition("?")
    if rest.count("@") > 1 or "@" in parameters:
        # A password that was not encoded: where it ends cannot be told.
        return f"{scheme}://…"
    return f"{scheme}://{place.rpartition('@')[2]}"


def printable(text: str) -> str:
    r"""Escape what a terminal or a page would obey instead of showing.

    Args:
        text: Anything.

    Returns:
        One line: line breaks, control characters and direction marks as ``\n``, ``\u202e``.
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
