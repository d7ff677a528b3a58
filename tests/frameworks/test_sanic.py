"""Sanic in ASGI mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

sanic: Any = pytest.importorskip("sanic", reason="Sanic is not installed here")


def test_a_handler_signs_up(account: Account) -> None:
    """Under an ASGI server its request has a scope."""
    app = sanic.Sanic("fprom_shop", configure_logging=False)

    @app.post("/signup")  # type: ignore[untyped-decorator]
    async def view(request: Any) -> Any:
        return sanic.json(await sign_up_async(request))

    account.check_asgi(FpromMiddleware(app, account.fprom), lifespan=True)
