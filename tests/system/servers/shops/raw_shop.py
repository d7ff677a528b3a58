"""One shop for both protocols; its settings come from the environment."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fprom_middleware import asgi, get_tracking, track_signup, track_signup_async
from fprom_middleware import wsgi as wsgi_module

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment


def look(request: object) -> dict[str, Any]:
    """Say who the visitor is."""
    tracking = get_tracking(request)
    return {
        "tid": tracking.tid,
        "ref_id": tracking.ref_id,
        "ip": tracking.ip,
        "pid": os.getpid(),
        "status": None,
    }


def email_of(query: str) -> str | None:
    """Return the e-mail address of a registration; None for a mere visit."""
    return parse_qs(query).get("email", [None])[0]


def _wsgi(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    answer = look(environ)
    email = email_of(environ.get("QUERY_STRING", ""))
    if email is not None:
        answer["status"] = track_signup(environ, email).status
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    answer = look(scope)
    email = email_of(scope["query_string"].decode())
    if email is not None:
        answer["status"] = (await track_signup_async(scope, email)).status
    text = json.dumps(answer)
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close"})
        return
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(text)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


wsgi = wsgi_module.FpromMiddleware(_wsgi)
asgi_app = asgi.FpromMiddleware(_asgi)
