"""The shop: a Flask app whose referred sign-ups and sales reach FirstPromoter."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from fprom_middleware.flask import init_app

from .confirmation import confirmation
from .database import open_database
from .oauth import oauth
from .pages import pages
from .payments import payments

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FORM_BYTES = 64 * 1024


def create_app(settings: Mapping[str, str] | None = None) -> Flask:
    """Make the shop.

    Args:
        settings: FPROM_* and SHOP_* settings; the environment's where none are given.

    Returns:
        The app, ready to be served.
    """
    source = os.environ if settings is None else settings
    folder = source.get("SHOP_DATA")
    app = Flask(__name__, instance_path=str(Path(folder).absolute()) if folder else None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_FORM_BYTES,
        SECRET_KEY=source.get("SHOP_SECRET_KEY") or secrets.token_hex(),
        SESSION_COOKIE_SAMESITE="Lax",
        SHOP_CONFIRM_EMAIL="false",
        SHOP_OAUTH_URL="",
        SHOP_PAYMENTS_URL="",
    )
    app.config.update(
        {key: value for key, value in source.items() if key.startswith(("FPROM_", "SHOP_"))}
    )

    Path(app.instance_path).mkdir(parents=True, exist_ok=True)
    database = Path(app.instance_path, "shop.db")
    app.extensions["shop_database"] = open_database(database)
    # The outbox beside the accounts, for session=: what FirstPromoter is to hear is written in
    # the transaction of the account or the payment.
    app.config["FPROM_OUTBOX_URL"] = f"sqlite:///{database}"
    app.register_blueprint(pages)
    if app.config["SHOP_CONFIRM_EMAIL"].lower() == "true":
        app.register_blueprint(confirmation)
    if app.config["SHOP_OAUTH_URL"]:
        app.register_blueprint(oauth)
    if app.config["SHOP_PAYMENTS_URL"]:
        app.register_blueprint(payments)

    init_app(app)  # the middleware, configured by the FPROM_* keys of app.config
    return app
