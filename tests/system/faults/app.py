"""The app under fire: an endpoint for each kind of event, over WSGI and over ASGI.

Its settings are FPROM_* variables. FAULTS_CONTROL plants a bug that the oracle must see,
FAULTS_CLOCK names a file that holds what the clock is wrong by, FAULTS_PAUSE shortens the
minute for which a failing API is left alone: a test that kills for half of one would see nobody
at work.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fprom_middleware import (
    Fprom,
    Receipt,
    track_cancellation,
    track_cancellation_async,
    track_refund,
    track_refund_async,
    track_sale,
    track_sale_async,
    track_signup,
    track_signup_async,
)
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.delivery.durable import OutboxDelivery
from fprom_middleware.outbox import throttle
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware
from tests.system.faults import controls

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from fprom_middleware.asgi import Receive, Scope, Send

_WRONG_BY = os.environ.get("FAULTS_CLOCK")


def clock() -> float:
    """Tell the time, as wrong as the test wants it."""
    wrong_by = Path(_WRONG_BY).read_text() if _WRONG_BY else ""
    return time.time() + float(wrong_by or 0)


if "FAULTS_PAUSE" in os.environ:
    # Not through the module's own attribute: it is Final.
    vars(throttle)["PAUSE_SECONDS"] = float(os.environ["FAULTS_PAUSE"])
controls.plant(os.environ.get("FAULTS_CONTROL", ""))
fprom = Fprom(clock=clock if _WRONG_BY else time.time)


def _name(query: str) -> str:
    return parse_qs(query).get("id", [""])[0]


def _say(receipt: Receipt, began: float) -> bytes:
    taken = time.perf_counter() - began
    return json.dumps([receipt.status, receipt.durable, taken]).encode()


def _held() -> bytes:
    # What stats() calls not_durable, without a look at a database that may be away.
    delivery = fprom.delivery
    assert isinstance(delivery, OutboxDelivery)
    return json.dumps([os.getpid(), len(delivery.waiting)]).encode()


VERBS: dict[str, tuple[Any, Any]] = {
    "/signup": (track_signup, track_signup_async),
    "/sale": (track_sale, track_sale_async),
    "/refund": (track_refund, track_refund_async),
    "/cancellation": (track_cancellation, track_cancellation_async),
}


def _what(path: str, uid: str) -> dict[str, Any]:
    if path in {"/sale", "/refund"}:
        return {"uid": uid, "event_id": f"{uid}{path}", "amount": 1290}
    return {"uid": uid}


def _wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path in VERBS:
        began = time.perf_counter()
        receipt = VERBS[path][0](environ, **_what(path, _name(environ["QUERY_STRING"])))
        body = _say(receipt, began)
    elif path == "/held":
        body = _held()
    else:
        body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class Lag:
    """How late the event loop comes to what is due."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to measure, once."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._measure())

    async def _measure(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            self.seconds.append(time.perf_counter() - began - 0.005)


lag = Lag()


async def _asgi(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    lag.start()
    path = scope["path"]
    if path in VERBS:
        began = time.perf_counter()
        receipt = await VERBS[path][1](scope, **_what(path, _name(scope["query_string"].decode())))
        body = _say(receipt, began)
    elif path == "/held":
        body = _held()
    elif path == "/lag":
        body = json.dumps([os.getpid(), lag.seconds]).encode()
    else:
        body = str(os.getpid()).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message: Any = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


wsgi = WsgiMiddleware(_wsgi, fprom)
asgi = AsgiMiddleware(_asgi, fprom)
