"""Flask: settings from ``app.config``, the middleware around ``app.wsgi_app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import get_tracking
from .errors import FpromConfigError
from .tracker import Fprom, track_signup
from .wsgi import FpromMiddleware

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["FpromMiddleware", "get_tracking", "init_app", "track_signup"]


def init_app(app: Flask, fprom: Fprom | None = None) -> Fprom:
    """Track the sign-ups of a Flask app.

    Args:
        app: The app; its config holds the ``FPROM_*`` settings.
        fprom: An `Fprom` to use in place of one made of the config.

    Returns:
        The `Fprom`, which also stands in ``app.extensions["fprom"]``.

    Raises:
        FpromConfigError: A setting is wrong, or the app has one already.
    """
    if "fprom" in app.extensions:
        msg = "init_app was called before for this Flask app; call it once."
        raise FpromConfigError(msg)
    if fprom is None:
        fprom = Fprom(app.config)
    app.extensions["fprom"] = fprom
    app.wsgi_app = FpromMiddleware(app.wsgi_app, fprom)  # type: ignore[method-assign]  # Flask's documented way
    return fprom
