"""Exceptions from outside a call: a job's time limit is not a failure of what it cuts short."""

from __future__ import annotations

import signal
import traceback
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType


def raised_by_signal(error: BaseException) -> BaseException | None:
    """Find what a signal handler raised behind an exception.

    Its type does not tell: many a handler raises TimeoutError, which sockets raise too, and
    libraries make it one of theirs.

    Args:
        error: What was caught.

    Returns:
        The exception in whose traceback the frame of an installed handler is, to be raised
        again; None where there is none.
    """
    handlers = {_code_of(signal.getsignal(number)) for number in signal.valid_signals()}
    handlers.discard(None)
    for one in causes(error):
        if any(frame.f_code in handlers for frame, _ in traceback.walk_tb(one.__traceback__)):
            return one
    return None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what it was raised from, the first cause last."""
    following: BaseException | None = error
    seen: set[int] = set()
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _code_of(handler: Any) -> CodeType | None:
    while isinstance(handler, partial):
        handler = handler.func
    if not isinstance(handler, FunctionType | MethodType):
        handler = getattr(type(handler), "__call__", None)  # noqa: B004 - its code is wanted, not whether there is one
    code: CodeType | None = getattr(getattr(handler, "__func__", handler), "__code__", None)
    return code
