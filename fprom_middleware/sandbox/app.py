"""The sandbox's web server: the double behind its real path, the browser script, and the page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from .fields import BadCallError, read_object, read_text
from .loopback import LoopbackOnly
from .page import render_page
from .received import Kind
from .records import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .double import FirstPromoterDouble

API_PATH: Final = "/api/v2/track"
BASE_URL: Final = "http://127.0.0.1:8750"
MAX_BODY: Final = 65_536
"""Bytes; a call has a few hundred."""

_NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
)


def create_app(double: FirstPromoterDouble, *, base_url: str = BASE_URL) -> Starlette:
    """Make the sandbox's ASGI application.

    Args:
        double: What answers, and keeps what arrived.
        base_url: The address under which browsers reach the application, without a path.

    Returns:
        The application; it refuses requests from other machines and for other hosts.
    """
    endpoints = _Endpoints(double, base_url.rstrip("/"))
    return Starlette(
        routes=[
            *(
                Route(f"{API_PATH}/{kind}", endpoints.call, methods=["POST"], name=kind)
                for kind in Kind
            ),
            Route("/fpr.js", endpoints.script),
            Route("/click", endpoints.click, methods=["POST", "OPTIONS"]),
            Route("/", endpoints.page),
            Route("/state.json", endpoints.state),
            Route("/reset", endpoints.reset, methods=["POST"]),
        ],
        middleware=[Middleware(LoopbackOnly)],
        exception_handlers={ClientDisconnect: _client_gone},
    )


class _Endpoints:
    """The endpoints, which translate between HTTP and the double."""

    def __init__(self, double: FirstPromoterDouble, base_url: str) -> None:
        self._double = double
        self._base_url = base_url

    async def call(self, request: Request) -> Response:
        body = await _read_body(request)
        if body is None:
            return PlainTextResponse("The body is too long.\n", 413)
        answer = self._double.call(request.url.path, request.headers, body)
        return Response(answer.body, answer.status, headers=answer.headers)

    async def click(self, request: Request) -> Response:
        # The guard in front let only origins of this machine come this far.
        cors = {
            "access-control-allow-origin": request.headers.get("origin", self._base_url),
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "content-type",
            "vary": "origin",
        }
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        status, payload = self._register(await _read_body(request), request)
        return JSONResponse(payload, status, headers=cors | _NO_STORE)

    def _register(self, body: bytes | None, request: Request) -> tuple[int, dict[str, str]]:
        try:
            fields = read_object(body or b"")
            cid, ref = read_text(fields, "cid"), read_text(fields, "ref")
        except BadCallError as bad:
            return 400, {"message": str(bad)}
        if ref is None:
            return 400, {"message": "a click needs a ref"}
        if cid != self._double.account_id:
            return 404, {"message": "fpr('init', {cid}) names another account than the sandbox's"}
        click = self._double.click(ref, request.client.host if request.client else None)
        return 200, {"tid": click.tid, "ref": click.ref_id}

    async def script(self, _: Request) -> Response:
        source = files(__package__).joinpath("fpr.js").read_text(encoding="utf-8")
        script = source.replace("{{base_url}}", self._base_url)
        return Response(script, media_type="text/javascript", headers=_NO_STORE)

    async def page(self, _: Request) -> Response:
        html = render_page(self._double, base_url=self._base_url, api_url=self._base_url + API_PATH)
        return HTMLResponse(html, headers=_NO_STORE | {"content-security-policy": _PAGE_POLICY})

    async def state(self, _: Request) -> Response:
        double = self._double
        state = {
            "clicks": _as_json(double.clicks),
            "leads": _as_json(double.leads),
            "sales": _as_json(double.sales),
            "refunds": _as_json(double.refunds),
            "cancellations": _as_json(double.cancellations),
            "attempts": _as_json(double.attempts),
        }
        return JSONResponse(state, headers=_NO_STORE)

    async def reset(self, request: Request) -> Response:
        self._double.reset()
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303)
        return Response(status_code=204)


async def _read_body(request: Request) -> bytes | None:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


async def _client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)


def _as_json(records: Iterable[Any]) -> list[dict[str, Any]]:
    return [_plain(asdict(record)) for record in records]


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in fields.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return _plain(value) if isinstance(value, dict) else value
