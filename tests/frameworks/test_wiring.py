"""Mistakes of the lines that add the middleware: each is told at start, in words of its own."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

import fprom_middleware.aiohttp
import fprom_middleware.asgi
import fprom_middleware.fastapi
import fprom_middleware.flask
import fprom_middleware.starlette
import fprom_middleware.wsgi
from fprom_middleware import Fprom, FpromConfigError
from tests.support.accounts import CREDENTIALS, KEY, make_settings

if TYPE_CHECKING:
    from collections.abc import Callable

WIRINGS: dict[str, tuple[Any, Callable[[], Any]]] = {
    "wsgi": (fprom_middleware.wsgi.FpromMiddleware, lambda: lambda *_: []),
    "asgi": (fprom_middleware.asgi.FpromMiddleware, Starlette),
    "flask": (fprom_middleware.flask.init_app, lambda: Flask("shop")),
    "starlette": (fprom_middleware.starlette.init_app, Starlette),
    "fastapi": (fprom_middleware.fastapi.init_app, FastAPI),
    "aiohttp": (fprom_middleware.aiohttp.init_app, web.Application),
}
GIVEN: dict[str, Callable[[], Any]] = {
    "a mapping": lambda: dict(CREDENTIALS),
    "settings": make_settings,
    "an account": lambda: Fprom(make_settings(delivery="inline")),
}


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize(("wire", "make_app"), WIRINGS.values(), ids=WIRINGS)
def test_arguments_in_the_wrong_order(
    wire: Any, make_app: Callable[[], Any], given: Callable[[], Any]
) -> None:
    """The text says which comes first, and no frame of ours holds the key."""
    with pytest.raises(FpromConfigError, match="wrong order: first the app") as caught:
        wire(given(), make_app())
    ours = traceback.StackSummary.extract(traceback.walk_tb(caught.tb.tb_next), capture_locals=True)
    assert ours
    assert KEY not in str([(frame.name, frame.locals) for frame in ours])


@pytest.mark.parametrize(
    "given", ["key-as-it-is", 7, Starlette()], ids=["text", "a number", "an app"]
)
@pytest.mark.parametrize(("wire", "make_app"), WIRINGS.values(), ids=WIRINGS)
def test_what_is_no_settings(wire: Any, make_app: Callable[[], Any], given: object) -> None:
    """Such as the bare key or an app in the second place."""
    with pytest.raises(
        FpromConfigError, match=rf"FPROM_\* keys.* not of a {type(given).__name__}\."
    ) as caught:
        wire(make_app(), given)
    ours = traceback.StackSummary.extract(traceback.walk_tb(caught.tb.tb_next), capture_locals=True)
    assert "key-as-it-is" not in str([(frame.name, frame.locals) for frame in ours])


def test_an_app_that_is_a_mapping_is_an_app() -> None:
    """Aiohttp's is one, and is called by its own middleware's name."""
    app = web.Application()
    fprom_middleware.aiohttp.init_app(app, {"FPROM_ENABLED": "false"})
    assert len(app.middlewares) == 1
