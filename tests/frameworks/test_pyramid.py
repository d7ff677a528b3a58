"""Pyramid, and WebOb without it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

with warnings.catch_warnings():
    # They import `cgi` and `pkg_resources`, both deprecated.
    warnings.simplefilter("ignore")
    from pyramid.config import Configurator  # type: ignore[import-untyped]
    from webob import Response  # type: ignore[import-untyped]
    from webob.dec import wsgify  # type: ignore[import-untyped]

from fprom_middleware.wsgi import FpromMiddleware
from tests.support.frameworks import sign_up

if TYPE_CHECKING:
    from tests.support.frameworks import Account


def test_a_view_of_pyramid_signs_up(account: Account) -> None:
    """Pyramid's request is WebOb's."""

    def view(request: Any) -> dict[str, str | None]:
        return sign_up(request)

    with Configurator() as config:
        config.add_route("signup", "/signup")
        config.add_view(view, route_name="signup", renderer="json")
        app = config.make_wsgi_app()
    account.check_wsgi(FpromMiddleware(app, account.fprom))


def test_a_view_of_webob_signs_up(account: Account) -> None:
    """WebOb's request alone."""

    @wsgify  # type: ignore[untyped-decorator]
    def app(request: Any) -> Any:
        return Response(json=sign_up(request))

    account.check_wsgi(FpromMiddleware(app, account.fprom))
