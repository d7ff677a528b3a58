"""Calls of the user's own hooks: what one raises is counted, said, and goes no further."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from .interrupts import raised_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings.model import FpromSettings

R = TypeVar("R")


class HookResult(Enum):
    """What came of a hook that returned nothing."""

    FAILED = auto()


FAILED: Final = HookResult.FAILED
"""What `call_hook` returns for a hook that raised."""

logger: logging.Logger = logging.getLogger(__name__)

# Without a lock, which a fork could leave locked: threads that fail in the same instant may be
# counted as one.
_failures: Counter[str | None] = Counter()


def call_hook(
    settings: FpromSettings, key: str, hook: Callable[..., R], *arguments: object, meaning: str
) -> R | Literal[HookResult.FAILED]:
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
    except BaseException as error:
        limit = raised_by_signal(error)
        if limit is not None:
            raise limit from None
        if not isinstance(error, Exception) and not _thread.guarded:
            raise
        _failures[settings.account_id] += 1
        _log_failure(key, error, meaning)
        return FAILED


class _Thread(threading.local):
    guarded = False


_thread = _Thread()


def guard_this_thread() -> None:
    """Let no hook end this thread, which is our own: not by SystemExit, nor by a cancellation."""
    _thread.guarded = True


def _log_failure(key: str, error: BaseException, meaning: str) -> None:
    # Only the type: the text and the frames can hold what the visitor sent.
    logger.error("%s raised %s: %s.", key, type(error).__name__, meaning)


def hook_errors(settings: FpromSettings) -> int:
    """Count how often a hook of an account raised in this process.

    Args:
        settings: The account's settings.
    """
    return _failures[settings.account_id]
