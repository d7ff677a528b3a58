"""What ``manage.py check`` says about the settings."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.middleware.cache import UpdateCacheMiddleware
from django.utils.module_loading import import_string

from ..errors import FpromConfigError
from ..outbox.urls import outbox_url
from ..settings.choices import DeliveryMode
from ..settings.model import FpromSettings
from .account import fprom_settings
from .middleware import FpromMiddleware

MIDDLEWARE: Final = "fprom_middleware.django.FpromMiddleware"


def check_settings(**_: Any) -> list[CheckMessage]:
    """Report a wrong ``FPROM_*`` setting."""
    try:
        found = FpromSettings.from_mapping(fprom_settings())
        if found.enabled and found.delivery is DeliveryMode.OUTBOX:
            outbox_url(found.outbox_url)
    except FpromConfigError as error:
        return [Error(str(error), id="fprom.E001")]
    return []


def check_middleware(**_: Any) -> list[CheckMessage]:
    """Report that no request is going to hold a tracking context."""
    if _place_of(FpromMiddleware) is not None:
        return []
    hint = f'Add "{MIDDLEWARE}" to MIDDLEWARE, behind UpdateCacheMiddleware where that is used.'
    msg = "track_signup(request, …) finds no tracking context: the middleware is missing."
    return [Warning(msg, hint=hint, id="fprom.W001")]


def check_order(**_: Any) -> list[CheckMessage]:
    """Report an order in which the per-site cache keeps our cookie from being set."""
    ours, cache = _place_of(FpromMiddleware), _place_of(UpdateCacheMiddleware)
    found = enabled_settings()
    keeps = found is not None and (found.keep_days or found.link_params)
    if not keeps or ours is None or cache is None or ours > cache:
        return []
    msg = "No visitor is kept: FpromMiddleware sees pages that the per-site cache marked."
    hint = f'Move "{MIDDLEWARE}" behind "{settings.MIDDLEWARE[cache]}" in MIDDLEWARE.'
    return [Warning(msg, hint=hint, id="fprom.W002")]


def enabled_settings() -> FpromSettings | None:
    """Return the settings; None where there is nothing more to say of them."""
    with suppress(FpromConfigError):
        found = FpromSettings.from_mapping(fprom_settings())
        return found if found.enabled else None
    return None


def _place_of(kind: type) -> int | None:
    for place, name in enumerate(settings.MIDDLEWARE):
        # What cannot be imported Django itself reports.
        with suppress(ImportError):
            made = import_string(name)
            if isinstance(made, type) and issubclass(made, kind):
                return place
    return None
