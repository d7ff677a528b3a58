"""Test clients: the vendor's two cookies in the jar of any of them, as its script writes them."""

from __future__ import annotations

import re
from http.cookies import BaseCookie
from typing import Any, Final

from ..visitor.cookies import REF_NAME, TID_NAME

# What JavaScript's escape() leaves as it is.
_ESCAPED: Final = re.compile(r"[^A-Za-z0-9@*_+./-]")
_KNOWN: Final = (
    "The test clients of Flask, Werkzeug, Starlette, FastAPI, Django, Litestar and aiohttp are "
    "known, and clients of httpx and requests. With another one, set its cookie "
    "_fprom_tid yourself."
)


def set_visitor(client: object, tid: str, ref: str) -> None:
    """Set the vendor's cookies in a test client, in place of those of an earlier visit.

    Args:
        client: The client; it is told by its cookie jar, no framework is imported.
        tid: The visitor id.
        ref: The promoter's referral id.

    Raises:
        TypeError: It has no cookie jar that is known.
    """
    for name, value in ((TID_NAME, tid), (REF_NAME, ref)):
        _set_cookie(client, name, escape(value))


def _set_cookie(client: Any, name: str, value: str) -> None:
    jar: Any = getattr(client, "cookies", None)
    if isinstance(jar, BaseCookie):
        # Django's.
        jar[name] = value
    elif callable(getattr(jar, "set", None)):
        # httpx's, Starlette's and Litestar's among them, and requests'.
        jar.set(name, value)
    elif (client_jar := _aiohttp_jar(client)) is not None:
        client_jar.update_cookies({name: value})
    elif _is_werkzeug(client):
        # Flask's, too. The cookie is sent to this host and those below it only.
        app = getattr(client, "application", None)
        host = getattr(app, "config", {}).get("SERVER_NAME") or "localhost"
        client.set_cookie(name, value, domain=host.partition(":")[0], origin_only=False)
    else:
        msg = f"visit() does not know how to set a cookie in a {type(client).__name__}. {_KNOWN}"
        raise TypeError(msg)


def _aiohttp_jar(client: object) -> Any:
    # A test client's is that of the session in it.
    jar = getattr(getattr(client, "session", client), "cookie_jar", None)
    return jar if callable(getattr(jar, "update_cookies", None)) else None


def _is_werkzeug(client: object) -> bool:
    # Quart's client has a method of this name with other arguments.
    classes = [(one.__module__, one.__name__) for one in type(client).__mro__]
    return ("werkzeug.test", "Client") in classes


def escape(text: str) -> str:
    """Write text as JavaScript's ``escape`` does, which the vendor's script calls."""
    return _ESCAPED.sub(_escape_character, text)


def _escape_character(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex(" ", 2).upper().split()
    return "".join(f"%{unit[2:]}" if unit.startswith("00") else f"%u{unit}" for unit in units)
