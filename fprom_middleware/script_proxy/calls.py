"""The three requests of the vendor's script: what is refused, what goes out, what comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, Self

from ..snippet import CLICK_PATH, DETAILS_PATH, SCRIPT_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Headers = tuple[tuple[str, str], ...]

MAX_BODY: Final = 8192
"""Bytes of a call's form; the script's has a few hundred."""
FORM: Final = "application/x-www-form-urlencoded"
NOSNIFF: Final = ("X-Content-Type-Options", "nosniff")
NO_STORE: Final = ("Cache-Control", "no-store")

_LONGEST: Final = {"user-agent": 1024, "referer": 2048, "accept-language": 256}
"""What of the visitor's headers goes out, and up to how many characters."""
_PASSED: Final = ("Cache-Control", "Expires", "ETag", "Last-Modified")
_LONGEST_PASSED: Final = 256
_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_BODILESS: Final = frozenset({204, 205, 304})


class Route(Enum):
    """One of the three: its path below FPROM_SCRIPT_PROXY, and the methods it takes."""

    SCRIPT = (SCRIPT_PATH, ("GET", "HEAD"))
    CLICK = (CLICK_PATH, ("POST",))
    DETAILS = (DETAILS_PATH, ("POST",))

    def __init__(self, path: str, methods: tuple[str, ...]) -> None:
        self.path = path
        self.methods = methods


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser gets.

    Attributes:
        status: The HTTP status.
        headers: Names and values, Content-Length among them where there may be one.
        body: The body.
    """

    status: int
    headers: Headers
    body: bytes = b""

    @classmethod
    def of(cls, status: int, *headers: tuple[str, str], body: bytes = b"") -> Self:
        """Make one; what we serve says nosniff, and its length."""
        if status in _BODILESS:
            return cls(status, (*headers, NOSNIFF))
        return cls(status, (*headers, NOSNIFF, ("Content-Length", str(len(body)))), body)

    def without_body(self) -> Answer:
        """Return what HEAD gets."""
        return replace(self, body=b"")


NO_CONTENT: Final = Answer.of(204, NO_STORE)
"""Nothing was sent, or the vendor did not answer: the page goes on."""
TOO_LONG: Final = Answer.of(413, NO_STORE)
TOO_SLOW: Final = Answer.of(408, NO_STORE)
TOO_MANY: Final = Answer.of(429, NO_STORE, ("Retry-After", "10"))
FORBIDDEN: Final = Answer.of(403, NO_STORE)
BAD_REQUEST: Final = Answer.of(400, NO_STORE)
NOT_A_FORM: Final = Answer.of(415, NO_STORE)


def make_routes(prefix: str) -> dict[str, Route]:
    """Return the three paths below FPROM_SCRIPT_PROXY."""
    return {prefix + route.path: route for route in Route}


def refuse_method(route: Route, method: str) -> Answer | None:
    """Return the 405 that another method gets."""
    if method in route.methods:
        return None
    return Answer.of(405, ("Allow", ", ".join(route.methods)), NO_STORE)


def refuse_form(header: Callable[[str], str]) -> Answer | None:
    """Return what a call gets whose headers say that its body is no short form.

    Args:
        header: Looks a request header up by its lower-case name; empty where absent.

    Returns:
        None for a form of up to `MAX_BODY` bytes, or of a length that is not said.
    """
    length = header("content-length").strip()
    if length and not (length.isascii() and length.isdecimal()):
        return BAD_REQUEST
    # Not as a number: a text of many digits takes long to read.
    digits = length.lstrip("0")
    if len(digits) > len(str(MAX_BODY)) or int(digits or 0) > MAX_BODY:
        return TOO_LONG
    kind = header("content-type").partition(";")[0].strip().lower()
    return None if kind == FORM else NOT_A_FORM


def outgoing_headers(header: Callable[[str], str], ip: str | None) -> Headers:
    """Return all headers that a call goes out with.

    Args:
        header: Looks a header of the visitor's request up by its lower-case name.
        ip: The visitor's address, as it may be sent.

    Returns:
        Content type, user agent, referer and language where they are ordinary texts, and the
        address. Cookies, credentials and whatever else the site's requests carry are not read.
    """
    found = [("content-type", FORM)]
    for name, longest in _LONGEST.items():
        value = header(name).strip()
        if value and len(value) <= longest and value.isascii() and value.isprintable():
            found.append((name, value))
    if ip is not None:
        found.append(("x-forwarded-for", ip))
    return tuple(found)


def make_answer(status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Answer:
    """Return what of the vendor's answer comes back to the page.

    Args:
        status: The vendor's status.
        headers: The vendor's headers.
        body: The vendor's body.

    Returns:
        Status, body, what it says to caches, and its content type where that is JSON: anything
        else is plain text, for on this site HTML would be a page of this site. A redirect is
        no answer.
    """
    if not (200 <= status < 300 or 400 <= status < 600):  # noqa: PLR2004 - HTTP's own numbers
        return NO_CONTENT
    said = {name.lower(): value.decode("latin-1") for name, value in headers}
    passed = [
        (name, value)
        for name in _PASSED
        if (value := said.get(name.lower().encode(), "")).isprintable()
        and 0 < len(value) <= _LONGEST_PASSED
    ]
    if not passed:
        passed = [NO_STORE]
    if status in _BODILESS:
        return Answer.of(status, *passed)
    kind = said.get(b"content-type", "").partition(";")[0].strip().lower()
    return Answer.of(
        status, ("Content-Type", _JSON if kind == _JSON else _TEXT), *passed, body=body
    )


def matches_etag(etag: str, if_none_match: str) -> bool:
    """Say whether a browser has what it asks for (RFC 9110, 13.1.2).

    Args:
        etag: Ours, with its quotes.
        if_none_match: The header's value.
    """
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or tags == {"*"}
