"""Strangers' text made safe to look at."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Escape what a terminal or a page would obey instead of showing.

    Args:
        text: Anything.

    Returns:
        One line: line breaks, control characters and direction marks as ``\x0a``, ``\u202e``.
    """
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFF:  # noqa: PLR2004 - the longest code that \x can write
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - as above
