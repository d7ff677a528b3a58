"""The shop: a Flask app whose referred sign-ups reach FirstPromoter."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from fprom_middleware.flask import init_app

from .confirmation import confirmation
from .oauth import oauth
from .pages import pages
from .users import Users

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
        SHOP_CONFIRM_EMAIL="false",
        SHOP_OAUTH_URL="",
    )
    app.config.update(
        {key: value for key, value in source.items() if key.startswith(("FPROM_", "SHOP_"))}
    )

    Path(app.instance_path).mkdir(parents=True, exist_ok=True)
    app.extensions["shop_users"] = Users(Path(app.instance_path, "shop.db"))
    app.register_blueprint(pages)
    if app.config["SHOP_CONFIRM_EMAIL"].lower() == "true":
        app.register_blueprint(confirmation)
    if app.config["SHOP_OAUTH_URL"]:
        app.register_blueprint(oauth)

    init_app(app)  # the middleware, configured by the FPROM_* keys of app.config
    return app
