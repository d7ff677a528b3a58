"""The shop: a Starlette app whose referred sign-ups and sales reach FirstPromoter."""

from __future__ import annotations

import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.config import Config
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Route

from fprom_middleware.starlette import init_app, init_templates

from . import confirmation, oauth, pages, payments
from .ledger import Ledger
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
    payments_url = config("SHOP_PAYMENTS_URL", default="")
    if payments_url:
        routes += payments.routes
    app = Starlette(routes=routes)
    secret_key = config("SHOP_SECRET_KEY", default="") or secrets.token_hex()
    app.add_middleware(SessionMiddleware, secret_key=secret_key)
    app.state.users = Users(folder / "shop.db")
    app.state.ledger = Ledger(folder / "shop.db")
    app.state.mail = folder / "mail"
    app.state.confirms = confirms
    app.state.oauth_url = oauth_url
    app.state.payments_url = payments_url
    app.state.payments_secret = config("SHOP_PAYMENTS_SECRET") if payments_url else ""

    # The middleware, configured by the FPROM_* keys of the environment, and its template helper.
    init_templates(templates, init_app(app))
    return app
