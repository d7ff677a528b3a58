"""Django middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from .attach import attach
from .shared import get_fprom

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
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Serve one request; the answer is awaitable where `get_response`'s is."""
        fprom = get_fprom()
        if fprom.asleep:
            fprom.start()
        request.fprom = attach(request, fprom)
        return self.get_response(request)
