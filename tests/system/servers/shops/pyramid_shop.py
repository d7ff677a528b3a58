"""The shop in Pyramid."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator  # type: ignore[import-untyped]
from pyramid.httpexceptions import HTTPFound  # type: ignore[import-untyped]
from pyramid.response import Response  # type: ignore[import-untyped]

from fprom_middleware.wsgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register


def home(_: Any) -> Any:
    """The page."""
    return Response(PAGE)


def go(_: Any) -> Any:
    """A link that leads to it."""
    return HTTPFound("/")


def signup(request: Any) -> dict[str, Any]:
    """The registration."""
    return register(request, request.params["email"])


with Configurator() as config:
    for view, path in ((home, "/"), (go, "/go"), (signup, "/signup")):
        config.add_route(view.__name__, path)
        renderer = "json" if view is signup else None
        config.add_view(view, route_name=view.__name__, renderer=renderer)
    app = FpromMiddleware(config.make_wsgi_app())
