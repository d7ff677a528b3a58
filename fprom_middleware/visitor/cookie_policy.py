"""Which responses may set a visitor's cookie: pages that one person opened."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Headers = Iterable[tuple[str, str]]

_REDIRECTS = frozenset({302, 303, 307})
_PRIVATE = frozenset({"private", "no-store"})
_SHARED = ("public", "s-maxage")
# What browsers say of a page that is fetched before a person wants to see it.
_SPECULATIVE_HEADERS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_SPECULATIVE = re.compile(r"prefetch|prerender|preview", re.IGNORECASE)
# Fields for one kind of cache, beside the many that end in -cache-control.
_OTHER_CACHES = frozenset({"surrogate-control", "edge-control"})
_KEEPS_NOTHING = frozenset({"max-age=0", "s-maxage=0", "must-revalidate", "proxy-revalidate"})

VARY: Final = ("Vary", "Cookie")
PRIVATE: Final = ("Cache-Control", "private")


def is_opened(header: Callable[[str], str]) -> bool:
    """Say whether a GET request is a person opening a page.

    Args:
        header: Looks a request header up by its lower-case name; empty where absent.

    Returns:
        True for a navigation, and for a page that a script of this very site puts in place of
        one. False for assets, API calls, frames, and what is fetched before it is wanted.
    """
    if any(_SPECULATIVE.search(header(name)) for name in _SPECULATIVE_HEADERS):
        return False
    dest, mode = header("sec-fetch-dest"), header("sec-fetch-mode")
    asks_html = "text/html" in header("accept")
    if not dest and not mode:
        # A browser that sends neither says only what it accepts.
        return asks_html
    if dest == "empty":
        return asks_html and header("sec-fetch-site") == "same-origin"
    return dest in {"document", ""} and mode in {"navigate", ""}


def may_set_cookie(status: int, headers: Headers, *, now: float) -> bool:
    """Say whether a response is one person's page.

    Args:
        status: The HTTP status.
        headers: The response's headers.
        now: Seconds since the epoch.

    Returns:
        True for HTML with status 2xx and for a temporary redirect, unless a shared cache may
        keep it and hand one visitor's cookie to another.
    """
    html = status in _REDIRECTS
    private = shared = lasting = asks = False
    for name, value in headers:
        key = name.lower()
        if key == "content-type":
            html = html or value.lstrip().lower().startswith("text/html")
        elif key == "cache-control":
            words = _words(value)
            private = private or bool(words & _PRIVATE)
            shared = shared or any(word.startswith(_SHARED) for word in words)
            lasting = lasting or any(_lasts(word) for word in words)
            asks = asks or "no-cache" in words
        elif key == "expires":
            lasting = lasting or _is_future(value, now)
        elif key.endswith("-cache-control") or key in _OTHER_CACHES:
            words = _words(value)
            if not (words & _PRIVATE or words <= _KEEPS_NOTHING):
                return False
        elif key == "x-accel-expires" and value.strip().lstrip("@") != "0":
            return False
    if not html or not (200 <= status < 300 or status in _REDIRECTS):  # noqa: PLR2004 - HTTP's own numbers
        return False
    # no-cache undoes a max-age, but a shared cache may keep what it calls public all the same.
    return private or not (shared or (lasting and not asks))


def keep_apart(headers: Headers) -> list[tuple[str, str]]:
    """Return what a response must say so that no cache hands its cookie to another visitor.

    Args:
        headers: The response's headers.

    Returns:
        The header lines that it lacks: ``Vary: Cookie``, ``Cache-Control: private``.
    """
    varies, private = False, False
    for name, value in headers:
        key = name.lower()
        if key == "vary":
            varies = varies or bool(_words(value) & {"cookie", "*"})
        elif key == "cache-control":
            private = private or bool(_words(value) & _PRIVATE)
    return [line for line, said in ((VARY, varies), (PRIVATE, private)) if not said]


def _words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


def _lasts(word: str) -> bool:
    name, _, value = word.partition("=")
    return name.rstrip() == "max-age" and value.strip('" 0') != ""


def _is_future(value: str, now: float) -> bool:
    # Here and not above: it takes a fifth of the package's import, and most apps never need it.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        return parsedate_to_datetime(value.strip()).timestamp() > now
    except (ValueError, OverflowError, IndexError):
        # What is not a date, such as 0 or -1, is taken as past: RFC 9111 says so.
        return False
