"""Starlette: settings from the environment or a `Config`, the middleware around the app."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from starlette.config import Config

from .account import Fprom
from .asgi import FpromMiddleware
from .errors import FpromConfigError
from .settings.model import hide_secrets
from .snippet import fprom_script
from .tracking import (
    dump_tracking,
    load_tracking,
    stripe_metadata,
    track_cancellation,
    track_cancellation_async,
    track_refund,
    track_refund_async,
    track_sale,
    track_sale_async,
    track_signup,
    track_signup_async,
)
from .visitor.locate import get_tracking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.applications import Starlette
    from starlette.templating import Jinja2Templates

    from .settings.model import FpromSettings

__all__ = [
    "FpromMiddleware",
    "dump_tracking",
    "get_tracking",
    "init_app",
    "init_templates",
    "load_tracking",
    "stripe_metadata",
    "track_cancellation",
    "track_cancellation_async",
    "track_refund",
    "track_refund_async",
    "track_sale",
    "track_sale_async",
    "track_signup",
    "track_signup_async",
]


def init_app(
    app: Starlette,
    fprom: Fprom | FpromSettings | Mapping[str, Any] | Config | None = None,
) -> Fprom:
    """Track the sign-ups and sales of a Starlette or FastAPI app.

    Args:
        app: The app, before it has served its first request.
        fprom: An `Fprom`, its settings, a mapping with ``FPROM_*`` keys, a Starlette `Config`,
            or None for the process environment.

    Returns:
        The `Fprom`, which also stands in ``app.state.fprom``.

    Raises:
        FpromConfigError: A setting is wrong, or the app has one already.
    """
    fprom = hide_secrets(fprom)
    if getattr(app.state, "fprom", None) is not None:
        msg = "init_app was called before for this app; call it once."
        raise FpromConfigError(msg)
    fprom = Fprom.of(_mapping(fprom) if isinstance(fprom, Config) else fprom)
    app.add_middleware(FpromMiddleware, fprom=fprom)
    app.state.fprom = fprom
    return fprom


def _mapping(config: Config) -> dict[str, str]:
    # The order of `Config` itself: the environment wins over the file.
    values, prefix = {**config.file_values, **config.environ}, config.env_prefix
    ours = [key for key in values if key.startswith(f"{prefix}FPROM_")]
    return {key.removeprefix(prefix): values[key] for key in ours}


def init_templates(templates: Jinja2Templates, fprom: Fprom) -> None:
    """Give templates ``fprom_script(nonce=None)``, the tracking script for a page's head.

    Args:
        templates: The app's templates.
        fprom: What `init_app` returned.
    """
    templates.env.globals["fprom_script"] = partial(fprom_script, fprom.settings)
