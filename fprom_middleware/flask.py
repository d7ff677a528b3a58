"""Flask: settings from ``app.config``, the middleware around ``app.wsgi_app``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .context import get_tracking
from .errors import FpromConfigError
from .tracker import Fprom, track_signup
from .wsgi import FpromMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flask import Flask

    from .settings import FpromSettings

__all__ = ["FpromMiddleware", "get_tracking", "init_app", "track_signup"]


def init_app(app: Flask, fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None) -> Fprom:
    """Track the sign-ups of a Flask app.

    Args:
        app: The app; its config holds the ``FPROM_*`` settings.
        fprom: An `Fprom`, its settings or a mapping with ``FPROM_*`` keys, to use in place of
            the config.

    Returns:
        The `Fprom`, which also stands in ``app.extensions["fprom"]``.

    Raises:
        FpromConfigError: A setting is wrong, or the app has one already.
    """
    if "fprom" in app.extensions:
        msg = "init_app was called before for this Flask app; call it once."
        raise FpromConfigError(msg)
    fprom = Fprom.of(app.config if fprom is None else fprom)
    app.extensions["fprom"] = fprom
    app.wsgi_app = FpromMiddleware(app.wsgi_app, fprom)  # type: ignore[method-assign]  # Flask's documented way
    return fprom
