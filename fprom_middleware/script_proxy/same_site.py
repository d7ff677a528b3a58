"""Whose pages may call: this site's own, as browsers say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

_OWN: Final = frozenset({"", "same-origin", "same-site", "none"})
"""Values of Sec-Fetch-Site; older browsers send none, ``none`` is an address typed by hand."""
_SCHEMES: Final = frozenset({"http", "https"})


def is_same_site(header: Callable[[str], str], hosts: str) -> bool:
    """Say whether a request comes from this site's own page, or from no page.

    Args:
        header: Looks a request header up by its lower-case name; lines of one name are joined by
            a comma, empty where absent.
        hosts: The names that this site is known by, separated by commas, with or without port.

    Returns:
        False where Sec-Fetch-Site says cross-site, and where Origin is another host's, none at
        all (``null``), or more than one. Scheme and port may differ: a proxy changes them.
    """
    if header("sec-fetch-site").strip().lower() not in _OWN:
        return False
    origin = header("origin").strip()
    if not origin:
        return True
    scheme, _, authority = origin.partition("://")
    name = _host_name(authority)
    return (
        scheme.lower() in _SCHEMES
        and name is not None
        and name in {_host_name(host.strip()) for host in hosts.split(",")}
    )


def _host_name(authority: str) -> str | None:
    if not authority.isascii() or not authority.isprintable() or set(authority) & set("/?#@\\ ,"):
        return None
    try:
        name = urlsplit(f"//{authority}").hostname
    except ValueError:
        return None
    return name.removesuffix(".") or None if name else None
