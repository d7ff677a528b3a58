"""Attaching stands inlined in the middlewares too: the twins fill the same slots alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.asgi import FpromMiddleware as AsgiMiddleware
from fprom_middleware.visitor.attach import attach_environ, attach_scope, header_key
from fprom_middleware.visitor.context import KEY
from fprom_middleware.wsgi import FpromMiddleware as WsgiMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

UNSET = "this slot is not filled"
ACCOUNTS = {
    "the default header": Fprom({"FPROM_ENABLED": "false"}),
    "an edge's header": Fprom(
        {
            "FPROM_ENABLED": "false",
            "FPROM_CLIENT_IP_HEADER": "CF-Connecting-IP",
            "FPROM_TRUSTED_PROXIES": "private",
        }
    ),
}
HEADERS = {
    "Host": "shop.example",
    "Cookie": "a=1; _fprom_tid=t1",
    "X-Forwarded-For": "203.0.113.7",
    "CF-Connecting-IP": "203.0.113.8",
}
REQUESTS: dict[str, tuple[dict[str, str], str | None]] = {
    "a visitor": (HEADERS, "10.0.0.1"),
    "no header": ({}, "10.0.0.1"),
    "no peer": (HEADERS, None),
}


def slots(context: TrackingContext) -> dict[str, Any]:
    """Return every slot of a context and what is in it."""
    names = {name for kind in type(context).__mro__ for name in getattr(kind, "__slots__", ())}
    return {name: getattr(context, name, UNSET) for name in names}


def make_environ(headers: Mapping[str, str], peer: str | None) -> dict[str, Any]:
    """Return a request as a WSGI server hands it over."""
    environ: dict[str, Any] = {header_key(name): value for name, value in headers.items()}
    return environ if peer is None else {**environ, "REMOTE_ADDR": peer}


def make_scope(headers: Mapping[str, str], peer: str | None) -> dict[str, Any]:
    """Return the same request as an ASGI server hands it over."""
    lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": lines, "client": None if peer is None else (peer, 4711)}


async def asgi_app(*_: Any) -> None:
    """Stand in for an ASGI application."""


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_the_wsgi_middleware_and_its_twin(account: str, request_name: str) -> None:
    """The middleware leaves in the environ what `attach_environ` leaves there."""
    fprom, request = ACCOUNTS[account], REQUESTS[request_name]
    inlined, called = make_environ(*request), make_environ(*request)

    WsgiMiddleware(lambda *_: [], fprom)(inlined, lambda *_: print)
    context = attach_environ(called, fprom)

    assert called[KEY] is context
    assert inlined.keys() == called.keys()
    assert type(inlined[KEY]) is type(context)
    assert slots(inlined[KEY]) == slots(context)


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize("state", [None, {}, {"fprom": "an outer one", "other": 1}])
def test_the_asgi_middleware_and_its_twin(
    account: str, request_name: str, state: dict[str, Any] | None
) -> None:
    """The middleware leaves in the scope what `attach_scope` leaves there, before and after."""
    fprom, request = ACCOUNTS[account], REQUESTS[request_name]
    inlined, called = make_scope(*request), make_scope(*request)
    if state is not None:
        inlined["state"], called["state"] = dict(state), dict(state)

    with pytest.raises(StopIteration):
        AsgiMiddleware(asgi_app, fprom)(inlined, asgi_app, asgi_app).send(None)  # type: ignore[arg-type]
    context = attach_scope(called, fprom)

    assert called[KEY] is called["state"]["fprom"] is context
    assert inlined[KEY] is inlined["state"]["fprom"]
    assert inlined.keys() == called.keys()
    assert inlined["state"].keys() == called["state"].keys()
    assert type(inlined[KEY]) is type(context)
    assert slots(inlined[KEY]) == slots(context)
    assert (inlined[KEY].tid, inlined[KEY].ip) == (context.tid, context.ip)
    assert slots(inlined[KEY]) == slots(context)
