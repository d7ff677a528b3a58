"""Values that may be secret are hidden from the moment they are handed in.

A wrong setting raises at start, and what shows tracebacks with locals would show its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..masking import Secret

SECRETS: Final = ("api_key", "secret_keys", "outbox_url", "base_url")
"""The settings whose values may be secret or hold a password."""

_REFUSED: Final = object()


def hide(value: Any) -> Any:
    """Return a value that may be secret in a form whose repr is masked.

    Args:
        value: Whatever was handed in.

    Returns:
        A `Secret` for text and whole numbers, a tuple of such for any iterable, None for None;
        for anything else an object that every setting refuses.
    """
    if value is None:
        return None
    if isinstance(value, str) or type(value) is int:
        return Secret(value)
    if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping):
        return tuple(hide(entry) for entry in value)
    return _REFUSED
