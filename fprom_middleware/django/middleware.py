"""Django middleware: attaches a tracking context to every request, and reads nothing yet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from ..visitor.attach import (
    attach_environ,
    attach_scope,
    read_environ_sources,
    read_scope_sources,
)
from ..visitor.cookie_policy import keep_apart, may_set_cookie
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
        fprom = get_fprom()
        self._is_async = iscoroutinefunction(get_response)
        if fprom.settings.enabled and fprom.settings.script_proxy is not None:
            # Here and not above: it loads an HTTP client.
            from .script_proxy import wrap  # noqa: PLC0415

            self.get_response = wrap(get_response, fprom, is_async=self._is_async)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        """Serve one request; the answer is awaitable where `get_response`'s is."""
        fprom = get_fprom()
        if fprom.start_hint.wanted and fprom.needs_start:
            fprom.start_worker()
        cookie = _attach(request, fprom)
        answer = self.get_response(request)
        if cookie is None:
            return answer
        set_cookie = partial(_set_cookie, cookie=cookie, now=fprom.clock())
        return _apply_later(answer, set_cookie) if self._is_async else set_cookie(answer)


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


async def _apply_later(answer: Any, change: Callable[[Any], Any]) -> Any:
    return change(await answer)


def _set_cookie(response: Any, *, cookie: str, now: float) -> Any:
    if may_set_cookie(response.status_code, response.items(), now=now):
        for name, value in keep_apart(response.items()):
            # Django has one line a name; its per-site cache keeps no page that says private.
            response[name] = f"{response[name]}, {value}" if name in response else value
        response.cookies.load(cookie)
    return response
