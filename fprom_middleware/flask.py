"""Flask: settings from ``app.config``, the middleware around ``app.wsgi_app``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .account import Fprom, check_app
from .errors import FpromConfigError
from .settings.environment import warn_of_environment
from .settings.model import OUTBOX_KEY, PREFIX, hide_secrets
from .snippet import fprom_script
from .tracking import (
    dump_tracking,
    load_tracking,
    stripe_metadata,
    track_cancellation,
    track_refund,
    track_sale,
    track_signup,
)
from .visitor.locate import get_tracking
from .wsgi import FpromMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

    from .settings.model import FpromSettings
    from .snippet import Html

__all__ = [
    "FpromMiddleware",
    "dump_tracking",
    "get_tracking",
    "init_app",
    "load_tracking",
    "stripe_metadata",
    "track_cancellation",
    "track_refund",
    "track_sale",
    "track_signup",
]


def init_app(app: Flask, fprom: Fprom | FpromSettings | Mapping[str, Any] | None = None) -> Fprom:
    """Track the sign-ups and sales of a Flask app.

    Its templates get ``fprom_script(nonce=None)``, the tracking script for a page's head, and
    its command line gets ``flask fprom``.

    Args:
        app: The app; its config holds the ``FPROM_*`` settings. The outbox is made in its
            instance folder where FPROM_OUTBOX_URL names no other place.
        fprom: An `Fprom`, its settings or a mapping with ``FPROM_*`` keys, to use in place of
            the config.

    Returns:
        The `Fprom`, which also stands in ``app.extensions["fprom"]``.

    Raises:
        FpromConfigError: A setting is wrong, or the app has one already.
    """
    app, fprom = hide_secrets(app), hide_secrets(fprom)
    check_app(app)
    if "fprom" in app.extensions:
        msg = "init_app was called before for this Flask app; call it once."
        raise FpromConfigError(msg)
    fprom = Fprom.of(_settings(app) if fprom is None else fprom)
    # First, for Flask refuses this once the app has served a request.
    app.context_processor(lambda: {"fprom_script": _script(fprom.settings)})
    app.extensions["fprom"] = fprom
    _add_commands(app, fprom)
    app.wsgi_app = FpromMiddleware(app.wsgi_app, fprom)  # type: ignore[method-assign]  # Flask's documented way
    return fprom


def _settings(app: Flask) -> dict[str, Any]:
    given = {key: value for key, value in app.config.items() if key.startswith(PREFIX)}
    warn_of_environment(app.config, "app.config")
    if not given.get(OUTBOX_KEY):
        given[OUTBOX_KEY] = f"sqlite:///{Path(app.instance_path, '.fprom', 'outbox.db')}"
    return given


def _script(settings: FpromSettings) -> Callable[..., Html]:
    from flask import has_request_context, request  # noqa: PLC0415 - imported without Flask too

    return partial(fprom_script, settings, root=request.root_path if has_request_context() else "")


def _add_commands(app: Flask, fprom: Fprom) -> None:
    # Here: who imports this module for its other names needs no command line.
    from .cli.group import make_group  # noqa: PLC0415
    from .cli.source import SettingsSource  # noqa: PLC0415

    app.cli.add_command(make_group(SettingsSource(lambda: fprom, "this Flask app", shared=True)))
