"""Werkzeug: its request without Flask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from fprom_middleware.wsgi import FpromMiddleware
from tests.support.frameworks import sign_up

if TYPE_CHECKING:
    from tests.support.frameworks import Account


def test_a_view_signs_up(account: Account) -> None:
    """The request object, whose environ carries the context."""

    @Request.application
    def app(request: Request) -> Response:
        return Response(json.dumps(sign_up(request)), mimetype="application/json")

    account.check_wsgi(FpromMiddleware(app, account.fprom))
