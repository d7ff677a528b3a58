"""Django middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from ..visitor.attach import (
    attach_environ,
    attach_scope,
    read_environ_sources,
    read_scope_sources,
)
from ..visitor.cookie_policy import may_set_cookie
from .account import get_fprom

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..account import Fprom


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
        cookie = _attach(request, fprom)
        answer = self.get_response(request)
        if cookie is None:
            return answer
        return _set_cookie_async(answer, cookie) if self._is_async else _set_cookie(answer, cookie)


def _attach(request: Any, fprom: Fprom) -> str | None:
    """Attach a context to Django's request, and return the Set-Cookie header of its response."""
    scope, sources = getattr(request, "scope", None), fprom.visitor.sources
    if scope is None:
        context = request.fprom = attach_environ(request.META, fprom)
    else:
        context = request.fprom = attach_scope(scope, fprom)
    if sources is None:
        return None
    # Django's own word on the scheme, SECURE_PROXY_SSL_HEADER included.
    if scope is None:
        return read_environ_sources(sources, context, request.META, scheme=request.scheme)
    return read_scope_sources(sources, context, scope, scheme=request.scheme)


async def _set_cookie_async(answer: Any, cookie: str) -> Any:
    return _set_cookie(await answer, cookie)


def _set_cookie(response: Any, cookie: str) -> Any:
    if may_set_cookie(response.status_code, response.items()):
        response.cookies.load(cookie)
    return response
