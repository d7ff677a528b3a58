"""Bottle: its one global request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import bottle  # type: ignore[import-untyped]
import pytest

from fprom_middleware import FpromNotInstalled, get_tracking
from fprom_middleware.wsgi import FpromMiddleware
from tests.support.frameworks import sign_up

if TYPE_CHECKING:
    from tests.support.frameworks import Account


def test_a_view_signs_up(account: Account) -> None:
    """`bottle.request` is a request."""
    app = bottle.Bottle()

    @app.post("/signup")  # type: ignore[untyped-decorator]
    def view() -> dict[str, str | None]:
        return sign_up(bottle.request)

    account.check_wsgi(FpromMiddleware(app, account.fprom))


def test_outside_a_request_the_error_says_so() -> None:
    """A thread that serves nothing has no request."""
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(get_tracking, bottle.request)
        with pytest.raises(FpromNotInstalled, match="outside a request"):
            asked.result()
