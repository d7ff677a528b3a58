"""CherryPy: its one global request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import FpromNotInstalled, get_tracking
from fprom_middleware.wsgi import FpromMiddleware
from tests.support.frameworks import HEADERS, sign_up

if TYPE_CHECKING:
    from tests.support.frameworks import Account

cherrypy: Any = pytest.importorskip("cherrypy", reason="CherryPy is not installed here")


class Shop:
    """The root of an app."""

    @cherrypy.expose  # type: ignore[untyped-decorator]
    @cherrypy.tools.json_out()  # type: ignore[untyped-decorator]
    def signup(self, email: str) -> dict[str, str | None]:
        """Register somebody."""
        return sign_up(cherrypy.request)


def test_a_handler_signs_up(account: Account) -> None:
    """CherryPy keeps the environ in `.wsgi_environ`."""
    app = cherrypy.Application(Shop(), "")
    # CherryPy itself answers 400 to a cookie whose name it does not like.
    headers = {**HEADERS, "Cookie": "_ga=GA1; _fprom_tid=tid-of-the-visitor"}
    account.check_wsgi(FpromMiddleware(app, account.fprom), headers)


def test_outside_a_request_there_is_none() -> None:
    """CherryPy then shows a request without an environ."""
    with ThreadPoolExecutor() as pool, pytest.raises(FpromNotInstalled):
        pool.submit(get_tracking, cherrypy.request).result()
