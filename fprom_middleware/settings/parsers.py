"""How one setting's value is read: from Python, or from the text of an environment.

Every parser takes the key's full name and a value that is not None. It returns the value in
its one type or raises `FpromConfigError` with the bad entry and a right example; a value that
may be a secret is never shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from importlib import import_module
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from ..addresses import GROUPS, is_loopback_host, parse_network
from ..errors import FpromConfigError
from ..masking import Secret

Parser = Callable[[str, Any], Any]
E = TypeVar("E", bound=StrEnum)

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
# Patterns as text: compiled when a setting asks for them, not at every import.
_NAME = r"[A-Za-z0-9!#$%&'*+.^`|~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"\.?{_LABEL}(?:\.{_LABEL})*"
_COOKIE = r"[A-Za-z0-9_-]{1,64}"
_PARAM = r"[A-Za-z0-9_.~-]{1,64}"
_PREFIX = r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+){1,8}/?"
_DATABASE = r"[A-Za-z][A-Za-z0-9_]*(?:\+[A-Za-z0-9_]+)?://|django:[^:/]+\Z"
_WHOLE = r"[+-]?[0-9]{1,12}"
SANDBOX_KEY: Final = "sandbox-key"
"""What `fprom sandbox` prints; no account of FirstPromoter's has it."""
SANDBOX_URL: Final = "http://127.0.0.1:8750/api/v2/track"
PLACEHOLDERS: Final = frozenset({"...", "…", "changeme", "your-api-key", "xxx"})
"""What examples have in a credential's place; refused where anything is to be sent."""
_CALLS = ("/signup", "/sale", "/refund", "/cancellation")
_SECRET_MIN = 16
_MAX_TIMEOUT = 300
_MAX_ACCOUNT = 255
_HOOKS = {
    "FPROM_CONSENT": "shop.privacy.may_track",
    "FPROM_BEFORE_SEND": "shop.privacy.before_send",
    "FPROM_ON_OUTCOME": "shop.tracking.on_outcome",
}
# What it returned would count as true: consent that was not given.
_ASYNC_HOOK = "is async, but hooks are called and not awaited"


def wrong(key: str, value: object, problem: str, example: str) -> FpromConfigError:
    """Word a refusal: the key, the bad entry, what is wrong with it, a right example."""
    return FpromConfigError(f"{value!r} {problem}. Right would be: {key}={example}", key=key)


def credential(key: str, value: object) -> str:
    """Read an API key or an account id: visible ASCII, as a header carries it."""
    # Flask's from_prefixed_env hands an account id of digits over as an int.
    text = Secret(str(value).strip() if isinstance(value, str | int) else "")
    if text in PLACEHOLDERS:
        return text
    if isinstance(value, bool) or not text or not text.isascii() or not text.isprintable():
        msg = "must be visible ASCII text in one line (its value is not shown here)."
        raise FpromConfigError(msg, key=key)
    if " " in text:
        msg = "must hold no blank (its value is not shown here)."
        raise FpromConfigError(msg, key=key)
    return text


def account_id(key: str, value: object) -> str:
    """Read an account id; it is a key of the outbox's tables too."""
    text = str(credential(key, value))
    # The outbox keeps rows of its own under names that begin with #.
    if text.startswith("#") or len(text) > _MAX_ACCOUNT:
        msg = f"must have at most {_MAX_ACCOUNT} characters and must not begin with #."
        raise FpromConfigError(msg, key=key)
    return text


def flag(key: str, value: object) -> bool:
    """Read a boolean."""
    text = str(value).strip().lower()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise wrong(key, value, "is neither true nor false", "true")


def seconds(key: str, value: object) -> float:
    """Read a time-out in seconds."""
    number = _number(value)
    if number is None or not 0 < number <= _MAX_TIMEOUT:
        raise wrong(
            key, value, f"is not a number of seconds above 0 and up to {_MAX_TIMEOUT}", "10"
        )
    return number


def whole(*, minimum: int, maximum: int | None = None, example: str) -> Parser:
    """Make a parser of whole numbers within bounds."""

    def parse(key: str, value: object) -> int:
        number = _whole(value)
        if number is None or number < minimum or (maximum is not None and number > maximum):
            bound = f"from {minimum} up" if maximum is None else f"from {minimum} to {maximum}"
            raise wrong(key, value, f"is not a whole number {bound}", example)
        return number

    return parse


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(_WHOLE, value.strip()):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def choice(options: type[E]) -> Callable[[str, Any], E]:
    """Make a parser of one word out of an enumeration."""

    def parse(key: str, value: object) -> E:
        text = str(value).strip().lower()
        try:
            return options(text)
        except ValueError:
            words = ", ".join(options)
            raise wrong(key, value, f"is none of: {words}", str(next(iter(options)))) from None

    return parse


def names(key: str, value: object, example: str) -> tuple[str, ...]:
    """Read a list: from Python any iterable of text, from text separated by commas."""
    entries: Iterable[object]
    if isinstance(value, str):
        entries = value.split(",")
    elif isinstance(value, Iterable) and not isinstance(value, bytes | dict):
        entries = value
    else:
        raise wrong(key, value, "is not a list", example)
    texts = []
    # One at a time: an ip_network is an iterable too, of up to 2**128 addresses.
    for entry in entries:
        if not isinstance(entry, str):
            raise wrong(key, entry, "is not text", example)
        texts.append(entry.strip())
    return tuple(text for text in texts if text)


def trusted_proxies(key: str, value: object) -> int | tuple[str, ...]:
    """Read how far forwarding headers are believed: a number of hops, or a list."""
    example = "internal"
    number = _whole(value)
    if number is not None:
        if number < 0:
            raise wrong(key, value, "is not a number of proxies", "1")
        return number
    if not isinstance(value, str | Iterable):
        raise wrong(key, value, "is neither a number of proxies nor a list", example)
    networks = []
    for entry in names(key, value, example):
        word = entry.lower()
        if word in GROUPS:
            networks.append(word)
            continue
        try:
            networks.append(str(parse_network(entry)))
        except ValueError as error:
            problem = _why_no_network(entry, str(error))
            raise wrong(key, entry, problem, example) from None
    return tuple(networks)


def _why_no_network(entry: str, error: str) -> str:
    if entry == "*" or error == "too wide":
        return "would trust peers that are not yours: nothing wider than /8 (IPv6: /7) is taken"
    if "host bits set" in error:
        return "is not a valid network: it has host bits set"
    return "is not a valid address or network, nor one of the words " + ", ".join(GROUPS)


def base_url(key: str, value: object) -> str:
    """Read the API's address: https, or http to this very machine."""
    example = "https://api.firstpromoter.com/api/v2/track"
    if "@" in str(value):
        # First of all, because every refusal below shows the text.
        msg = f"must hold no user name or password. Right would be: {key}={example}"
        raise FpromConfigError(msg, key=key)
    text = str(value).strip()
    if re.match(r"(?:https?://)?(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|\Z)", text):
        example = SANDBOX_URL
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wrong(key, text, "is not a valid URL", example) from None
    if parts.query or parts.fragment or not text.isascii() or not text.isprintable() or " " in text:
        raise wrong(key, text, "must end with its path, in plain ASCII", example)
    if not host or parts.scheme not in {"http", "https"}:
        raise wrong(key, text, "is not an http(s) URL", example)
    if parts.scheme == "http" and not is_loopback_host(host):
        raise wrong(key, text, "would send the API key unencrypted over a network", example)
    text = text.rstrip("/")
    if text.endswith(_CALLS):
        problem = "is the address of one call; the base is what stands before it"
        raise wrong(key, text, problem, text.rpartition("/")[0])
    return text


def client_ip_header(key: str, value: object) -> str:
    """Read the name of the header that an edge writes the visitor's address into."""
    text = header_name(key, value, example="CF-Connecting-IP")
    if text.lower() == "x-forwarded-for":
        msg = (
            "X-Forwarded-For is what FPROM_TRUSTED_PROXIES reads, from the right; leave this key "
            "out. Right would be: FPROM_TRUSTED_PROXIES=internal"
        )
        raise FpromConfigError(msg, key=key)
    return text


def header_name(key: str, value: object, example: str = "X-Fprom-Tid") -> str:
    """Read the name of one request header."""
    text = str(value).strip()
    if not re.fullmatch(_NAME, text):
        # WSGI cannot tell a_b from a-b, so a client could send the other one.
        raise wrong(key, text, "is not a valid header name (letters, digits and dashes)", example)
    return text


def cookie_name(key: str, value: object) -> str:
    """Read the name of a cookie of our own."""
    text, example = str(value).strip(), "fprom_keep"
    if not re.fullmatch(_COOKIE, text):
        raise wrong(key, text, "is not a valid cookie name (letters, digits, - and _)", example)
    if text.lower().startswith("_fprom"):
        problem = "is a name of FirstPromoter's own: writing such a cookie suppresses the click"
        raise wrong(key, text, problem, example)
    return text


def domain(key: str, value: object) -> str:
    """Read a cookie's domain."""
    text = str(value).strip()
    if not re.fullmatch(_DOMAIN, text):
        raise wrong(key, text, "is not a valid domain", "example.com")
    return text.lstrip(".").lower()


def link_params(key: str, value: object) -> tuple[str, ...]:
    """Read names of URL parameters."""
    example = "fpr,via"
    params = names(key, value, example)
    for param in params:
        if not re.fullmatch(_PARAM, param):
            raise wrong(key, param, "is not a valid name of a URL parameter", example)
    return params


def path_prefix(key: str, value: object) -> str:
    """Read a path of the app's own, without a slash at its end."""
    text = str(value).strip()
    if not re.fullmatch(_PREFIX, text):
        problem = "is not a path of this site (segments of letters, digits, - . _ ~)"
        raise wrong(key, text, problem, "/partners")
    return text.rstrip("/")


def readable_file(key: str, value: object) -> str:
    """Read the path of a file that is there."""
    text = str(value).strip()
    try:
        found = isinstance(value, str | Path) and Path(text).is_file()
    except OSError:
        found = False
    if not found:
        msg = (
            f"{text!r} is not a file. Put FirstPromoter's script for proxies there "
            "(docs.firstpromoter.com/guides/proxy-setup), or leave this key out."
        )
        raise FpromConfigError(msg, key=key)
    return text


def secret_keys(key: str, value: object) -> tuple[str, ...]:
    """Read signing keys; they are never shown."""
    if not isinstance(value, str) and not isinstance(value, Iterable):
        msg = "must be a text or a list of texts (its value is not shown here)."
        raise FpromConfigError(msg, key=key)
    keys = [Secret(entry) for entry in value.split(",")] if isinstance(value, str) else list(value)
    if not all(isinstance(entry, str) for entry in keys):
        msg = "must be a text or a list of texts (its value is not shown here)."
        raise FpromConfigError(msg, key=key)
    keys = [Secret(entry.strip()) for entry in keys if entry.strip()]
    if any(len(entry) < _SECRET_MIN for entry in keys):
        msg = (
            f"holds a key shorter than {_SECRET_MIN} characters (not shown here). Make one with "
            '`python -c "import secrets; print(secrets.token_urlsafe(32))"`.'
        )
        raise FpromConfigError(msg, key=key)
    return tuple(keys)


def database_url(key: str, value: object) -> str:
    """Read an SQLAlchemy URL, or ``django:ALIAS``; its password is never shown."""
    text = Secret(value.strip() if isinstance(value, str) else "")
    if not re.match(_DATABASE, text):
        msg = (
            "is not a valid SQLAlchemy URL (its value is not shown here). "
            f"Right would be: {key}=sqlite:///.fprom/outbox.db"
        )
        raise FpromConfigError(msg, key=key)
    return text


def hook(key: str, value: object) -> Callable[..., Any]:
    """Read a callable, or import it by its dotted path."""
    example = _HOOKS[key]
    if not isinstance(value, str):
        if not callable(value):
            raise wrong(key, value, "cannot be called", example)
        if _is_async(value):
            raise wrong(key, value, _ASYNC_HOOK, example)
        return value
    path = value.strip().replace(":", ".")
    module, dot, name = path.rpartition(".")
    if not dot:
        raise wrong(key, value, "is not a dotted path", example)
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        problem = f"cannot be imported ({type(error).__name__}: {error})"
        raise wrong(key, value, problem, example) from error
    if not callable(found):
        raise wrong(key, value, "names something that cannot be called", example)
    if _is_async(found):
        raise wrong(key, value, _ASYNC_HOOK, example)
    return found  # type: ignore[no-any-return]  # callable() narrows to an untyped callable


def _is_async(found: object) -> bool:
    return iscoroutinefunction(found) or iscoroutinefunction(type(found).__call__)
