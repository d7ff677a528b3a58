"""The shop in CherryPy."""

from __future__ import annotations

from typing import Any

import cherrypy  # type: ignore[import-untyped]

from fprom_middleware.wsgi import FpromMiddleware
from tests.system.servers.shops.registration import PAGE, register


class Shop:
    """The root."""

    @cherrypy.expose  # type: ignore[untyped-decorator]
    def index(self) -> str:
        """The page."""
        return PAGE

    @cherrypy.expose  # type: ignore[untyped-decorator]
    def go(self, **_: str) -> None:
        """A link that leads to it."""
        raise cherrypy.HTTPRedirect("/")

    @cherrypy.expose  # type: ignore[untyped-decorator]
    @cherrypy.tools.json_out()  # type: ignore[untyped-decorator]
    def signup(self, email: str) -> dict[str, Any]:
        """The registration."""
        return register(cherrypy.request, email)


app = FpromMiddleware(cherrypy.Application(Shop(), ""))
