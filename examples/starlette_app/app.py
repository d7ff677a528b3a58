"""The shop: a Starlette app whose referred sign-ups reach FirstPromoter."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.config import Config
from starlette.routing import Route

from fprom_middleware.starlette import init_app, init_templates

from . import confirmation, oauth, pages
from .render import templates
from .users import Users


def create_app() -> Starlette:
    """Make the shop from the FPROM_* and SHOP_* settings of the environment.

    Returns:
        The app, ready to be served.
    """
    config = Config()
    folder = config("SHOP_DATA", cast=Path, default=Path("instance"))
    folder.mkdir(parents=True, exist_ok=True)
    routes = [
        Route("/", pages.landing),
        Route("/register", pages.form, methods=["GET"]),
        Route("/register", pages.register, methods=["POST"]),
        Route("/welcome", pages.welcome, name="welcome"),
    ]
    confirms = config("SHOP_CONFIRM_EMAIL", cast=bool, default=False)
    if confirms:
        routes += confirmation.routes
    oauth_url = config("SHOP_OAUTH_URL", default="")
    if oauth_url:
        routes += oauth.routes
    app = Starlette(routes=routes)
    app.state.users = Users(folder / "shop.db")
    app.state.mail = folder / "mail"
    app.state.confirms = confirms
    app.state.oauth_url = oauth_url

    # The middleware, configured by the FPROM_* keys of the environment, and its template helper.
    init_templates(templates, init_app(app))
    return app
