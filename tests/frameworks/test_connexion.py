"""Connexion: its request is Starlette's."""

from __future__ import annotations

import copy
import sys
import warnings
from typing import TYPE_CHECKING, Any

import flask
import pytest

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import sign_up, sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

with warnings.catch_warnings():
    # It imports a deprecated name of jsonschema.
    warnings.simplefilter("ignore")
    connexion: Any = pytest.importorskip("connexion", reason="Connexion is not installed here")

SPECIFICATION: dict[str, Any] = {
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
    """Register a visitor."""
    return await sign_up_async(connexion.request)


def view_of_flask() -> Any:
    """Register a visitor in an app that is Flask inside."""
    return sign_up(flask.request)


def test_an_operation_signs_up(account: Account) -> None:
    """`connexion.request` is a request."""
    assert __name__ in sys.modules
    app = connexion.AsyncApp(__name__)
    app.add_api(SPECIFICATION)
    account.check_asgi(FpromMiddleware(app, account.fprom), lifespan=True)


def test_an_operation_of_its_flask_app_signs_up(account: Account) -> None:
    """Flask's request, whose environ holds the scope: the middleware stands around the whole."""
    app = connexion.FlaskApp(__name__)
    specification = copy.deepcopy(SPECIFICATION)
    specification["paths"]["/signup"]["post"]["operationId"] = f"{__name__}.view_of_flask"
    app.add_api(specification)
    account.check_asgi(FpromMiddleware(app, account.fprom), lifespan=True)
