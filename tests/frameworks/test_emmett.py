"""Emmett: its one global request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.asgi import FpromMiddleware
from tests.support.frameworks import sign_up_async

if TYPE_CHECKING:
    from tests.support.frameworks import Account

emmett: Any = pytest.importorskip("emmett", reason="Emmett is not installed here")


def test_a_handler_signs_up(account: Account) -> None:
    """Emmett keeps the scope in `._scope`."""
    app = emmett.App(__name__)

    @app.route("/signup", methods="post", output="str")  # type: ignore[untyped-decorator]
    async def view() -> str:
        emmett.response.content_type = "application/json"
        return json.dumps(await sign_up_async(emmett.request))

    account.check_asgi(FpromMiddleware(app, account.fprom))
