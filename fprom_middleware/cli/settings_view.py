"""The settings as a person may see them: what is set, and no secret."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..masking import mask_url
from ..settings.model import NO_API_KEY, PREFIX, FpromSettings

if TYPE_CHECKING:
    from collections.abc import Iterator


def set_values(settings: FpromSettings) -> Iterator[tuple[str, str]]:
    """Yield what differs from the defaults.

    Args:
        settings: Those in force.

    Yields:
        A key and its value, fit to be shown.
    """
    defaults = FpromSettings(api_key="-", account_id="-")
    for field in fields(FpromSettings):
        value = getattr(settings, field.name)
        if value is None:
            continue
        if value != getattr(defaults, field.name) or field.name == "outbox_url":
            yield PREFIX + field.name.upper(), _shown(field.name, value)


def _shown(name: str, value: Any) -> str:
    if name == "api_key":
        return "MISSING, the app needs it" if value == NO_API_KEY else "set, not shown"
    if name == "secret_keys":
        return f"{len(value)} set, not shown"
    if name == "outbox_url":
        return mask_url(value)
    if callable(value):
        return f"{value.__module__}.{getattr(value, '__qualname__', type(value).__name__)}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
