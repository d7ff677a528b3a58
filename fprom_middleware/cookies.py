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
        The value, unquoted but not percent-decoded, or None: a value that is empty, longer
        than `MAX_VALUE`, holds a control character or lacks the prefix does not count.
    """
    start, width = 0, len(name)
    while (at := header.find(name, start)) >= 0:
        end = header.find(";", at)
        if end < 0:
            end = len(header)
        equals = at + width
        if equals < end and header[equals] != "=":
            equals = end - len(header[equals:end].lstrip(_BLANK))
        if (
            equals < end
            and header[equals] == "="
            and (at == 0 or header[at - 2 : at] == "; " or _begins(header, start, at))
        ):
            value = header[equals + 1 : end].strip(_BLANK)
            if value and value[0] == '"':
                value = _unquote(value)
            # Nearly every value is printable, and that answer is the cheaper one.
            if len(value) <= MAX_VALUE and (value.isprintable() or not _CONTROL.search(value)):
                if prefix:
                    value = value[len(prefix) :] if value.startswith(prefix) else ""
                if value:
                    return value
        # Later in the same segment the name would be part of a value.
        start = end + 1
    return None


def _begins(header: str, start: int, at: int) -> bool:
    # `start` is where a segment begins, so the look back never leaves what is new.
    return not header[header.rfind(";", start, at) + 1 or start : at].strip(_BLANK)


def _unquote(value: str) -> str:
    if len(value) == 1 or value[-1] != '"':
        return value
    value = value[1:-1]
    return _ESCAPE.sub(_unescape, value) if "\\" in value else value


def _unescape(match: re.Match[str]) -> str:
    octal, literal = match.groups()
    return chr(int(octal, 8)) if octal else str(literal)
