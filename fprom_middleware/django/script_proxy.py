"""The vendor's script below FPROM_SCRIPT_PROXY, for Django's own middleware and both protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse

from ..script_proxy.asgi import SLOTS as ASYNC_SLOTS
from ..script_proxy.asgi import answer_async
from ..script_proxy.calls import MAX_BODY, NO_CONTENT, Answer
from ..script_proxy.proxy import ScriptProxy, ScriptRequest
from ..script_proxy.wsgi import SLOTS, answer_blocking, read_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..account import Fprom


def wrap(get_response: Callable[[Any], Any], fprom: Fprom, *, is_async: bool) -> Any:
    """Put the three requests before what comes after the middleware.

    Args:
        get_response: What comes after, sync or async.
        fprom: The account.
        is_async: Which of the two.
    """
    proxy = ScriptProxy(fprom, slots=ASYNC_SLOTS if is_async else SLOTS)
    routes = proxy.routes

    def read(request: Any) -> ScriptRequest:
        return ScriptRequest(
            routes[request.path_info],
            request.method,
            lambda name: str(request.headers.get(name, "")),
            request.fprom,
            getattr(request, "scope", request.META),
        )

    async def serve_async(request: Any) -> Any:
        async def body() -> bytes | Answer:
            return _body(request)

        return _respond(await answer_async(proxy, read(request), body))

    def choose(request: Any) -> Any:
        if request.path_info not in routes:
            return get_response(request)
        if is_async:
            return serve_async(request)
        return _respond(answer_blocking(proxy, read(request), lambda: _body(request)))

    return choose


def _body(request: Any) -> bytes | Answer:
    # Not from the server's own stream: another middleware may have read it.
    return read_form(request, MAX_BODY + 1)


def _respond(answer: Answer | None) -> Any:
    # Django's own bodies know no client that has gone.
    answer = answer or NO_CONTENT
    headers = dict(answer.headers)
    response = HttpResponse(answer.body, status=answer.status, headers=headers)
    if "Content-Type" not in headers:
        # Django calls everything HTML.
        del response["Content-Type"]
    return response
