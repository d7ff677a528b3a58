"""The sandbox's own switches over HTTP: clear, undo, trouble, the made-up journey."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ..fields import BadCallError, read_object
from ..journey import walk
from ..trouble import AS_USUAL, read_trouble
from .limits import read_body
from .loopback import OTHER_PAGE, is_own_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from ..double import FirstPromoterDouble
    from ..trouble import Trouble

    Endpoint = Callable[[Request], Awaitable[Response]]

NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
STEP_SECONDS: Final = 0.4
"""Between two steps of the journey, so that a person can follow it."""


class Controls:
    """The endpoints; a page other than the sandbox's own gets 403.

    Args:
        double: What is switched.

    Attributes:
        routes: Where they stand.
    """

    def __init__(self, double: FirstPromoterDouble) -> None:
        self._double = double
        self.routes: Final = [
            Route("/reset", _guarded(self._reset), methods=["POST"]),
            Route("/undo", _guarded(self._undo), methods=["POST"]),
            Route("/journey", _guarded(self._journey), methods=["POST"]),
            Route("/trouble", self._read_trouble, methods=["GET"]),
            Route("/trouble", _guarded(self._set_trouble), methods=["PUT", "POST"]),
            Route("/trouble", _guarded(self._end_trouble), methods=["DELETE"]),
        ]

    async def _reset(self, request: Request) -> Response:
        self._double.reset()
        return _done(request)

    async def _undo(self, request: Request) -> Response:
        if not self._double.undo_reset():
            return _refused(409, "nothing to bring back, or something has arrived since")
        return _done(request)

    async def _journey(self, request: Request) -> Response:
        for _ in walk(self._double):
            await asyncio.sleep(STEP_SECONDS)
        return _done(request)

    async def _read_trouble(self, _: Request) -> Response:
        return JSONResponse(_as_json(self._double.trouble), headers=NO_STORE)

    async def _set_trouble(self, request: Request) -> Response:
        body = await read_body(request) or b""
        try:
            is_form = _is_form(request, body)
            trouble = read_trouble(_read_form(body) if is_form else read_object(body))
        except BadCallError as bad:
            return _refused(400, str(bad))
        self._double.trouble = trouble
        if is_form:
            return _done(request)
        return JSONResponse(_as_json(trouble), headers=NO_STORE)

    async def _end_trouble(self, _: Request) -> Response:
        self._double.trouble = None
        return Response(status_code=204)


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def guard(request: Request) -> Response:
        # The guard in front has let one Host through.
        if not is_own_page(request.headers["host"], request.headers.getlist("origin")):
            return PlainTextResponse(OTHER_PAGE, 403)
        return await endpoint(request)

    return guard


def _is_form(request: Request, body: bytes) -> bool:
    # curl calls whatever follows its -d a form.
    named = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return named and not body.lstrip().startswith(b"{")


def _read_form(body: bytes) -> dict[str, Any]:
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=20))
    except ValueError:
        msg = "the form cannot be read"
        raise BadCallError(msg) from None


def _done(request: Request) -> Response:
    """Lead a browser without a script back to the page."""
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse("/", 303)
    return Response(status_code=204)


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status, headers=NO_STORE)


def _as_json(trouble: Trouble | None) -> dict[str, Any]:
    return {"answer": AS_USUAL} if trouble is None else asdict(trouble)
