"""The shop: a Starlette app whose referred sign-ups reach FirstPromoter."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.config import Config
from starlette.routing import Route

from fprom_middleware.starlette import init_app

from . import pages
from .users import Users


def create_app() -> Starlette:
    """Make the shop from the FPROM_* and SHOP_* settings of the environment.

    Returns:
        The app, ready to be served.
    """
    config = Config()
    folder = config("SHOP_DATA", cast=Path, default=Path("instance"))
    folder.mkdir(parents=True, exist_ok=True)
    app = Starlette(
        routes=[
            Route("/", pages.landing),
            Route("/register", pages.form, methods=["GET"]),
            Route("/register", pages.register, methods=["POST"]),
            Route("/welcome", pages.welcome),
        ]
    )
    app.state.users = Users(folder / "shop.db")
    app.state.account_id = config("FPROM_ACCOUNT_ID", default=None)
    app.state.tracker_url = config(
        "SHOP_TRACKER_URL", default="https://cdn.firstpromoter.com/fpr.js"
    )

    init_app(app)  # the middleware, configured by the FPROM_* keys of the environment
    return app
