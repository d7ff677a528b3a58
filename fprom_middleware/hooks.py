"""Calls of the user's own hooks: whatever one raises is counted, said, and goes no further."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings.model import FpromSettings

R = TypeVar("R")

FAILED: Final[Any] = object()
"""What `call_hook` returns for a hook that raised."""

logger = logging.getLogger(__name__)

# Without a lock, which a fork could leave locked: threads that fail in the same instant may be
# counted as one.
_failures: Counter[str | None] = Counter()


def call_hook(
    settings: FpromSettings, key: str, hook: Callable[..., R], *arguments: object, meaning: str
) -> R:
    """Call a hook.

    Args:
        settings: Whose hook it is.
        key: The setting's full name, for the log.
        hook: What to call.
        *arguments: What it gets.
        meaning: What follows from a hook that raises, for the log.

    Returns:
        What the hook returned; `FAILED` where it raised.
    """
    try:
        return hook(*arguments)
    except Exception as error:  # noqa: BLE001 - a hook is the user's code: it may raise anything
        _failures[settings.account_id] += 1
        # Only the type: the text and the frames can hold what the visitor sent.
        logger.error("%s raised %s: %s.", key, type(error).__name__, meaning)  # noqa: TRY400 - as above
        return FAILED  # type: ignore[no-any-return]  # a sentinel stands for every type


def hook_errors(settings: FpromSettings) -> int:
    """Count how often a hook of an account raised in this process.

    Args:
        settings: The account's settings.
    """
    return _failures[settings.account_id]
