"""The sandbox's web server: the double behind its real path, the browser script, and the page."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from ..masking import printable
from .contract.openapi import write_openapi
from .fields import BadCallError, read_form, read_object, read_text
from .page.document import read_asset, write_page
from .page.live import Closing, Stream
from .page.parts import Place
from .page.query import read_query
from .received import Kind
from .records import iso
from .web.controls import NO_STORE, Controls
from .web.limits import read_body
from .web.loopback import LoopbackOnly
from .web.wire import AnswerOnWire

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp

    from .double import FirstPromoterDouble

API_PATH: Final = "/api/v2/track"
COOKIE_DAYS: Final = 60
"""What the tracker says, too, of how long the script's cookies live."""
BASE_URL: Final = "http://127.0.0.1:8750"
APP_URL: Final = "http://localhost:5000"
"""Where a developer's app may be, until it is told or the app's pages have called."""

_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_app(
    double: FirstPromoterDouble,
    *,
    base_url: str = BASE_URL,
    app_url: str | None = None,
    remote: bool = False,
    closing: Closing | None = None,
) -> Starlette:
    """Make the sandbox's ASGI application.

    Args:
        double: What answers, and keeps what arrived.
        base_url: The address under which browsers reach the application, without a path.
        app_url: The address of the app that is tried; by default that of the page which clicked.
        remote: Whether other machines may call, each by the name it knows this one by.
        closing: Ends open pages' streams with the server; without it they end with their client.

    Returns:
        The application; it refuses requests from other machines and for other hosts.
    """
    endpoints = _Endpoints(double, base_url.rstrip("/"), app_url, remote, closing or Closing())
    controls = Controls(double)
    return Starlette(
        routes=[
            *(
                Route(f"{API_PATH}/{kind}", endpoints.call, methods=["POST"], name=kind)
                for kind in Kind
            ),
            Route("/fpr.js", endpoints.script),
            Route("/click", endpoints.click, methods=["POST", "OPTIONS"]),
            Route("/tr", endpoints.tracker, methods=["POST"]),
            Route("/get_details", endpoints.details, methods=["POST"]),
            Route("/", endpoints.page),
            Route("/page.css", endpoints.asset),
            Route("/page.js", endpoints.asset),
            Route("/events", endpoints.events),
            Route("/state.json", endpoints.state),
            Route("/openapi.json", endpoints.openapi),
            *controls.routes,
        ],
        middleware=[Middleware(LoopbackOnly, remote=remote)],
        exception_handlers={ClientDisconnect: _client_gone, 404: endpoints.nothing},
    )


class _Endpoints:
    """The endpoints, which translate between HTTP and the double."""

    def __init__(
        self,
        double: FirstPromoterDouble,
        base_url: str,
        app_url: str | None,
        remote: bool,
        closing: Closing,
    ) -> None:
        self._double = double
        self._base_url = base_url
        self._remote = remote
        self._closing = closing
        self._app_url = app_url
        self._clicked_from = APP_URL

    async def call(self, request: Request) -> ASGIApp:
        body = await read_body(request)
        if body is None:
            return PlainTextResponse("The body is too long.\n", 413)
        answer = self._double.call(request.url.path, request.headers, body)
        return AnswerOnWire(answer, self._closing)

    async def click(self, request: Request) -> Response:
        cors = self._cors(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=cors)
        try:
            fields = read_object(await read_body(request) or b"")
            ref = read_text(fields, "ref")
            status, payload = self._register(read_text(fields, "cid"), ref, _peer(request))
        except BadCallError as bad:
            status, payload = 400, {"message": str(bad)}
        return JSONResponse(payload, status, headers=cors | NO_STORE)

    async def tracker(self, request: Request) -> Response:
        form = read_form(await read_body(request) or b"")
        status, payload = self._register(form.get("cid"), form.get("ref_id"), _visitor(request))
        if status == 200:  # noqa: PLR2004 - HTTP's own number
            more = {"cookie_life": COOKIE_DAYS, "clean_url": False, "details": None}
            payload = {"tid": payload["tid"], "ref_id": payload["ref"]} | more
        return JSONResponse(payload, status, headers=self._cors(request) | NO_STORE)

    async def details(self, request: Request) -> Response:
        form = read_form(await read_body(request) or b"")
        known = [click.ref_id for click in self._double.clicks if click.tid == form.get("tid")]
        payload = {"tid": form.get("tid"), "ref_id": known[-1] if known else None, "details": None}
        return JSONResponse(payload, headers=self._cors(request) | NO_STORE)

    def _cors(self, request: Request) -> dict[str, str]:
        # The guard in front let only origins of this machine come this far.
        origin = request.headers.get("origin")
        self._clicked_from = origin or self._clicked_from
        return {
            "access-control-allow-origin": origin or self._base_url,
            "access-control-allow-methods": "POST",
            "access-control-allow-headers": "content-type",
            "vary": "origin",
        }

    def _register(
        self, cid: str | None, ref: str | None, ip: str | None
    ) -> tuple[int, dict[str, Any]]:
        if not ref:
            return 400, {"message": "a click needs a ref"}
        if cid != self._double.account_id:
            if cid is not None:
                self._double.note_account(cid)
            return 404, {"message": "fpr('init', {cid}) names another account than the sandbox's"}
        click = self._double.click(ref, ip)
        return 200, {"tid": click.tid, "ref": click.ref_id}

    async def nothing(self, request: Request, _: Exception) -> Response:
        path, place = request.url.path, self._place(request)
        if request.method == "POST" and path.rpartition("/")[2] in set(Kind):
            self._double.note_stray(path)
        message = (
            f"Nothing is at {printable(path)}. The calls are below {place.api_url}, which is to be "
            f"FPROM_BASE_URL, {API_PATH} and all; the page is {place.base_url}/."
        )
        return JSONResponse({"message": message}, 404, headers=NO_STORE)

    async def script(self, request: Request) -> Response:
        source = files(__package__).joinpath("fpr.js").read_text(encoding="utf-8")
        script = source.replace("{{base_url}}", self._place(request).base_url)
        return Response(script, media_type="text/javascript", headers=NO_STORE)

    async def page(self, request: Request) -> Response:
        query = read_query(request.query_params)
        html = write_page(self._double, self._place(request), query, datetime.now(UTC))
        return HTMLResponse(html, headers=NO_STORE | {"content-security-policy": _PAGE_POLICY})

    async def asset(self, request: Request) -> Response:
        text, media_type = read_asset(request.url.path.lstrip("/"))
        return Response(text, media_type=media_type, headers=NO_STORE)

    async def events(self, request: Request) -> Response:
        seen = request.headers.get("last-event-id") or request.query_params.get("seen", "")
        stream = Stream(
            self._double,
            lambda: self._place(request),
            read_query(request.query_params),
            seen,
            self._closing,
        )
        return StreamingResponse(
            stream.messages(), media_type="text/event-stream", headers=NO_STORE
        )

    async def state(self, request: Request) -> Response:
        double = self._double
        state = {
            "clicks": _as_json(double.clicks),
            "leads": _as_json(double.leads),
            "sales": _as_json(double.sales),
            "refunds": _as_json(double.refunds),
            "cancellations": _as_json(double.cancellations),
            "attempts": _as_json(double.attempts),
        }
        headers = dict(NO_STORE)
        if "download" in request.query_params:
            headers["content-disposition"] = 'attachment; filename="fprom-sandbox.json"'
        return JSONResponse(state, headers=headers)

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(
            write_openapi(self._place(request).base_url, API_PATH), headers=NO_STORE
        )

    def _place(self, request: Request) -> Place:
        base_url = f"http://{request.headers['host']}" if self._remote else self._base_url
        return Place(base_url, base_url + API_PATH, self._app_url or self._clicked_from)


def _peer(request: Request) -> str | None:
    return request.client.host if request.client else None


def _visitor(request: Request) -> str | None:
    # Whether the real tracker believes it is not known; here it shows what an app passes on.
    try:
        return str(ipaddress.ip_address(request.headers.get("x-forwarded-for", "")))
    except ValueError:
        return _peer(request)


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
