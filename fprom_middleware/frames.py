"""Exceptions that leave the package without its frames, whose locals are events and requests.

Debug pages and error trackers print the locals of every frame of a traceback.
"""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


def without_frames(function: Callable[P, R]) -> Callable[P, R]:
    """Make what a function raises begin where the caller called it.

    Args:
        function: A function, sync or async, whose arguments are the app's.

    Returns:
        The same for its caller; a traceback ends in one frame that holds nothing.
    """
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def call_async(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                result: R = await function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised again
                del args, kwargs
                raise _bare(error) from None
            return result

        return call_async  # type: ignore[return-value]  # mypy cannot say that R is awaitable here

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - raised again
            del args, kwargs
            raise _bare(error) from None

    return call


def _bare(error: BaseException) -> BaseException:
    # What it was raised from has frames of its own.
    error.__context__ = None
    return error.with_traceback(None)
