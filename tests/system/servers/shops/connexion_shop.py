"""The shop in Connexion."""

from __future__ import annotations

from typing import Any

import connexion  # type: ignore[import-untyped]
from starlette.responses import HTMLResponse, RedirectResponse

from fprom_middleware.asgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register_async


async def home() -> Any:
    """The page."""
    return HTMLResponse(PAGE)


async def go() -> Any:
    """A link that leads to it."""
    return RedirectResponse("/")


async def signup(email: str) -> Any:
    """The registration."""
    return await register_async(connexion.request, email)


def _operation(view: Any, *parameters: str) -> dict[str, Any]:
    return {
        "operationId": f"{__name__}.{view.__name__}",
        "parameters": [
            {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}
            for name in parameters
        ],
        "responses": {"200": {"description": "done"}},
    }


shop = connexion.AsyncApp(__name__)
shop.add_api(
    {
        "openapi": "3.0.0",
        "info": {"title": "shop", "version": "1"},
        "paths": {
            "/": {"get": _operation(home)},
            "/go": {"get": _operation(go)},
            "/signup": {"post": _operation(signup, "email")},
        },
    }
)
app = FpromMiddleware(shop)
