"""The visitor's tid and ref out of a Cookie header, whatever stands beside them.

A browser sends every cookie of the site in one header, and one malformed neighbour is
enough to make a general-purpose parser drop the rest. So nothing here parses *the* cookies:
one named cookie is looked for, and its neighbours are never judged.
"""

from __future__ import annotations

import re
from typing import Final

TID_NAME: Final = "_fprom_tid"
LEGACY_TID_NAME: Final = "_fprom_track"
REF_NAME: Final = "_fprom_ref"
LEGACY_REF_NAME: Final = "_fprom_code"
LEGACY_REF_PREFIX: Final = "_r_"
MAX_VALUE: Final = 512
"""Characters. The vendor's tids are 36 long; nothing longer than this is one."""

_BLANK = " \t"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))", re.DOTALL)


def find_tid(header: str) -> str | None:
    """Find the visitor id.

    Args:
        header: All Cookie header lines in order, joined by ``; ``, decoded as latin-1.

    Returns:
        The tid, None where no cookie holds a usable one.
    """
    tid = find_cookie(header, TID_NAME)
    return find_cookie(header, LEGACY_TID_NAME) if tid is None else tid


def find_ref(header: str) -> str | None:
    """Find the promoter's referral id.

    Args:
        header: As in `find_tid`.

    Returns:
        The referral id, None where no cookie holds a usable one.
    """
    ref = find_cookie(header, REF_NAME)
    return find_cookie(header, LEGACY_REF_NAME, LEGACY_REF_PREFIX) if ref is None else ref


def find_cookie(header: str, name: str, prefix: str = "") -> str | None:
    """Find the first cookie of that exact name whose value counts.

    Linear in the header's length: a segment between two semicolons is looked at once.

    Args:
        header: Cookie header lines joined by ``; ``, decoded as latin-1.
        name: The cookie's name, case-sensitive.
        prefix: What the value must begin with to count; it is cut off.

    Returns:
        The value, unquoted but not percent-decoded, or None.
    """
    start, width = 0, len(name)
    while (at := header.find(name, start)) >= 0:
        end = header.find(";", at)
        if end < 0:
            end = len(header)
        if at == 0 or header[at - 2 : at] == "; " or _begins(header, start, at):
            rest = header[at + width : end].lstrip(_BLANK)
            if rest and rest[0] == "=":
                value = clean_value(rest[1:], prefix)
                if value is not None:
                    return value
        # Later in the same segment the name would be part of a value.
        start = end + 1
    return None


def _begins(header: str, start: int, at: int) -> bool:
    # `start` is where a segment begins, so the look back never leaves what is new.
    return not header[header.rfind(";", start, at) + 1 or start : at].strip(_BLANK)


def clean_value(raw: str, prefix: str = "") -> str | None:
    """Unquote a cookie's value and say whether it counts.

    Args:
        raw: The value as it stands in the header.
        prefix: What it must begin with; it is cut off.

    Returns:
        The value, or None if it is empty, longer than `MAX_VALUE`, holds a control
        character or lacks the prefix.
    """
    raw = raw.strip(_BLANK)
    if not raw:
        return None
    if raw[0] == '"' == raw[-1] and len(raw) > 1:
        raw = raw[1:-1]
        if "\\" in raw:
            raw = _ESCAPE.sub(_unescape, raw)
    # Nearly every value is printable, and that answer is the cheaper one.
    if len(raw) > MAX_VALUE or (not raw.isprintable() and _CONTROL.search(raw)):
        return None
    if prefix:
        return raw[len(prefix) :] or None if raw.startswith(prefix) else None
    return raw or None


def _unescape(match: re.Match[str]) -> str:
    octal, literal = match.groups()
    return chr(int(octal, 8)) if octal else str(literal)
