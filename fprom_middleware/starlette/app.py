"""What Starlette's and FastAPI's apps are given: the middleware, a lifespan, the script."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from ..account import Fprom, check_app
from ..asgi import FpromMiddleware
from ..errors import FpromConfigError
from ..extras import needs_extra
from ..settings.model import hide_secrets
from ..snippet import app_root, fprom_script

with needs_extra("starlette"):
    from starlette.config import Config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from starlette.applications import Starlette
    from starlette.templating import Jinja2Templates

    from ..settings.model import FpromSettings


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
    app, fprom = hide_secrets(app), hide_secrets(fprom)
    check_app(app)
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


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Close the `Fprom` of `init_app` when the app shuts down: its thread and connections end.

    It is the app's ``lifespan=``, or stands in one of the app's own: ``async with lifespan(app):``
    around what that one yields. Without it they end with the process.

    Args:
        app: The app that the server starts.

    Raises:
        FpromConfigError: `init_app` was not called for this app.
    """
    fprom = getattr(app.state, "fprom", None)
    if not isinstance(fprom, Fprom):
        msg = "lifespan closes what init_app made, which was not called: init_app(app)."
        raise FpromConfigError(msg)
    try:
        yield
    finally:
        await fprom.aclose()


def init_templates(templates: Jinja2Templates, fprom: Fprom) -> None:
    """Give templates ``fprom_script(nonce=None)``, the tracking script for a page's head.

    Args:
        templates: The app's templates.
        fprom: What `init_app` returned.
    """
    templates.env.globals["fprom_script"] = script = partial(fprom_script, fprom.settings)
    add = templates.context_processors.append
    add(lambda request: {"fprom_script": partial(script, root=app_root(request.scope))})
