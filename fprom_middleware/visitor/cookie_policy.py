"""Which responses may set a visitor's cookie: pages that one person navigated to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_REDIRECTS = frozenset({302, 303, 307})
_PRIVATE = frozenset({"private", "no-store"})
_SHARED = ("public", "s-maxage")
_OTHER_CACHES = frozenset({"surrogate-control", "cdn-cache-control"})


def is_navigation(*, dest: str, mode: str, accept: str) -> bool:
    """Say whether a GET request is a person opening a page in a tab.

    Args:
        dest: Its Sec-Fetch-Dest header.
        mode: Its Sec-Fetch-Mode header.
        accept: Its Accept header, which decides for browsers that send neither.

    Returns:
        False for assets, API calls, frames and prefetches by script.
    """
    if dest or mode:
        return dest in {"document", ""} and mode in {"navigate", ""}
    return "text/html" in accept


def may_set_cookie(status: int, headers: Iterable[tuple[str, str]]) -> bool:
    """Say whether a response is one person's page.

    Args:
        status: The HTTP status.
        headers: The response's headers.

    Returns:
        True for HTML with status 2xx and for a temporary redirect, unless a shared cache may
        keep it and hand one visitor's cookie to another.
    """
    html = status in _REDIRECTS
    private, shared, lasting, asks = False, False, False, False
    for name, value in headers:
        key = name.lower()
        if key == "content-type":
            html = html or value.lstrip().lower().startswith("text/html")
        elif key == "cache-control":
            words = {word.strip().lower() for word in value.split(",")}
            private = private or bool(words & _PRIVATE)
            shared = shared or any(word.startswith(_SHARED) for word in words)
            lasting = lasting or any(_lasts(word) for word in words)
            asks = asks or "no-cache" in words
        elif key == "expires":
            lasting = lasting or value.strip() not in {"0", "-1"}
        elif key in _OTHER_CACHES:
            return False
    if not html or not (200 <= status < 300 or status in _REDIRECTS):  # noqa: PLR2004 - HTTP's own numbers
        return False
    # no-cache undoes a max-age, but a shared cache may keep what it calls public all the same.
    return private or not (shared or (lasting and not asks))


def _lasts(word: str) -> bool:
    name, _, value = word.partition("=")
    return name.rstrip() == "max-age" and value.strip('" ') != "0"
