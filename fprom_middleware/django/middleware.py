"""Django middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from ..visitor.cookie_policy import may_carry
from .account import get_fprom
from .attach import attach, look_further

if TYPE_CHECKING:
    from collections.abc import Callable


class FpromMiddleware:
    """Attach a tracking context to each request, as ``request.fprom`` too.

    Args:
        get_response: What comes after, sync or async.

    Raises:
        FpromConfigError: A setting is wrong.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        # Now, and not with the first request: a wrong setting fails at start.
        get_fprom()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Serve one request; the answer is awaitable where `get_response`'s is."""
        fprom = get_fprom()
        if fprom.needs_start:
            fprom.start_worker()
        context = request.fprom = attach(request, fprom)
        cookie = None if fprom.sources is None else look_further(request, context, fprom.sources)
        answer = self.get_response(request)
        if cookie is None:
            return answer
        return _carry_async(answer, cookie) if self._is_async else _carry(answer, cookie)


async def _carry_async(answer: Any, cookie: str) -> Any:
    return _carry(await answer, cookie)


def _carry(response: Any, cookie: str) -> Any:
    if may_carry(response.status_code, response.items()):
        response.cookies.load(cookie)
    return response
