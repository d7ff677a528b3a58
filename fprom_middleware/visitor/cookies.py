"""The visitor's tid and ref out of a Cookie header, whatever stands beside them.

A browser sends every cookie of the site in one header, and one malformed neighbour is
enough to make a general-purpose parser drop the rest. So nothing here parses *the* cookies:
one named cookie is looked for, and its neighbours are never judged.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TID_NAME: Final = "_fprom_tid"
LEGACY_TID_NAME: Final = "_fprom_track"
REF_NAME: Final = "_fprom_ref"
LEGACY_REF_NAME: Final = "_fprom_code"
LEGACY_REF_PREFIX: Final = "_r_"
MAX_VALUE: Final = 512
"""Characters. The vendor's tids are 36 long; nothing longer than this is one."""

_BLANK = " \t"
# An ordinary value: nothing to strip, to unquote, to cut or to refuse.
_PLAIN = rf"=([!#-+\--:<-~]{{1,{MAX_VALUE}}}+)(?:;|\Z)"
_PLAIN_TID = re.compile(rf"(?:; )?{TID_NAME}{_PLAIN}")
_PLAIN_REF = re.compile(rf"(?:; )?{REF_NAME}{_PLAIN}")
# The beginning of a line that a server joined to the one before by a comma.
_NEXT_LINE = re.compile(r",[ \t]*+[!#$%&'*+.^_`|~0-9A-Za-z-]++[ \t]*+=")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What scripts write where they have nothing to write.
_NOTHING = frozenset({"undefined", "null", "NaN", "None"})
_OBJECT = re.compile(r"\[object \w+\]")
_ESCAPE = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))", re.DOTALL)


def find_tid(header: str) -> str | None:
    """Find the visitor id.

    Args:
        header: All Cookie header lines in order, joined by ``; ``, decoded as latin-1.

    Returns:
        The tid, None where no cookie holds a usable one.
    """
    at = header.find(TID_NAME)
    if at < 0:
        return find_cookie(header, LEGACY_TID_NAME)
    # Nearly every visitor's ends here, at half the cost of what follows.
    plain = _PLAIN_TID.match(header, at - 2 if at > 1 else 0)
    if plain and (tid := plain[1]) not in _NOTHING:
        return tid
    tid = find_cookie(header, TID_NAME)
    return find_cookie(header, LEGACY_TID_NAME) if tid is None else tid


def find_ref(header: str) -> str | None:
    """Find the promoter's referral id.

    Args:
        header: As in `find_tid`.

    Returns:
        The referral id, None where no cookie holds a usable one.
    """
    at = header.find(REF_NAME)
    if at < 0:
        return find_cookie(header, LEGACY_REF_NAME, LEGACY_REF_PREFIX)
    plain = _PLAIN_REF.match(header, at - 2 if at > 1 else 0)
    if plain and (ref := plain[1]) not in _NOTHING:
        return ref
    ref = find_cookie(header, REF_NAME)
    return find_cookie(header, LEGACY_REF_NAME, LEGACY_REF_PREFIX) if ref is None else ref


def clean_value(raw: str) -> str | None:
    """Say whether a value that came by another way than a cookie counts.

    Args:
        raw: A header's or a URL parameter's value.

    Returns:
        The value without the blanks around it, or None by the rules of `find_cookie`.
    """
    value = raw.strip(_BLANK)
    return value if _counts(value) else None


def is_nothing(value: str) -> bool:
    """Say whether a value is what scripts write where they have nothing to write.

    Args:
        value: Such as ``undefined``.

    Returns:
        True for the few words that are never a tid or a ref.
    """
    return value in _NOTHING or _OBJECT.fullmatch(value) is not None


def find_cookie(header: str, name: str, prefix: str = "") -> str | None:
    """Find the first cookie of that exact name whose value counts.

    Args:
        header: Cookie header lines joined by ``; ``, decoded as latin-1.
        name: The cookie's name, case-sensitive.
        prefix: What the value must begin with to count; it is cut off.

    Returns:
        The value, unquoted but not percent-decoded, or None.
    """
    if name not in header:
        return None
    for value in find_values(header, name):
        rest = value.removeprefix(prefix)
        if value.startswith(prefix) and _counts(value) and _counts(rest):
            return rest
    return None


def find_values(header: str, name: str) -> Iterator[str]:
    """Find every cookie of that exact name.

    Linear in the header's length: a segment between two semicolons is looked at once.

    Args:
        header: Cookie header lines joined by ``; ``, decoded as latin-1.
        name: The cookie's name, case-sensitive.

    Yields:
        The values in order, unquoted but not percent-decoded, whatever they hold.
    """
    start, width = 0, len(name)
    while (at := header.find(name, start)) >= 0:
        end = header.find(";", at)
        if end < 0:
            end = len(header)
        if at == 0 or header[at - 2 : at] == "; " or _begins(header, start, at):
            rest = header[at + width : end].lstrip(_BLANK)
            if rest and rest[0] == "=":
                yield _unquote(_first_line(rest[1:].strip(_BLANK)))
        # Later in the same segment the name would be part of a value.
        start = end + 1


def _begins(header: str, start: int, at: int) -> bool:
    # `start` is where a segment begins, so the look back never leaves what is new.
    return not header[header.rfind(";", start, at) + 1 or start : at].strip(_BLANK)


def _first_line(value: str) -> str:
    if "," not in value:
        return value
    quoted = _QUOTED.match(value)
    joined = _NEXT_LINE.search(value, quoted.end() if quoted else 0)
    return value[: joined.start()].rstrip(_BLANK) if joined else value


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == '"' == value[-1]:
        value = value[1:-1]
        if "\\" in value:
            value = _ESCAPE.sub(_unescape, value)
    return value


def _counts(value: str) -> bool:
    return 0 < len(value) <= MAX_VALUE and not _CONTROL.search(value) and not is_nothing(value)


def _unescape(match: re.Match[str]) -> str:
    octal, literal = match.groups()
    return chr(int(octal, 8)) if octal else str(literal)
