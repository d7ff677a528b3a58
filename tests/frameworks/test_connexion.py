"""Connexion: its request is Starlette's."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

with warnings.catch_warnings():
    # It imports a deprecated name of jsonschema.
    warnings.simplefilter("ignore")
    connexion: Any = pytest.importorskip("connexion", reason="Connexion is not installed here")

SPECIFICATION = {
    "openapi": "3.0.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/signup": {
            "post": {
                "operationId": f"{__name__}.view",
                "responses": {"200": {"description": "registered"}},
            }
        }
    },
}


async def view() -> Any:
    """Register somebody."""
    return await sign_up_async(connexion.request)


def test_an_operation_signs_up(account: Account) -> None:
    """`connexion.request` is a request."""
    assert __name__ in sys.modules
    app = connexion.AsyncApp(__name__)
    app.add_api(SPECIFICATION)
    account.check_asgi(FpromMiddleware(app, account.fprom), lifespan=True)
