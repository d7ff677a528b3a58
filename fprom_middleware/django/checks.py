"""What ``manage.py check`` says about the settings."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name

from ..errors import FpromConfigError
from ..outbox.urls import outbox_url
from ..settings.choices import DeliveryMode
from ..settings.model import FpromSettings
from .account import fprom_settings

MIDDLEWARE: Final = "fprom_middleware.django.FpromMiddleware"
UPDATE_CACHE: Final = "django.middleware.cache.UpdateCacheMiddleware"


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
    if MIDDLEWARE in settings.MIDDLEWARE:
        return []
    hint = f'Add "{MIDDLEWARE}" to MIDDLEWARE, behind UpdateCacheMiddleware where that is used.'
    msg = "track_signup(request, …) finds no tracking context: the middleware is missing."
    return [Warning(msg, hint=hint, id="fprom.W001")]


def check_order(**_: Any) -> list[CheckMessage]:
    """Report an order in which the per-site cache keeps our cookie from being set."""
    chain = list(settings.MIDDLEWARE)
    if not {MIDDLEWARE, UPDATE_CACHE} <= set(chain):
        return []
    with suppress(FpromConfigError):
        found = FpromSettings.from_mapping(fprom_settings())
        keeps = found.keep_days or found.link_params
        if keeps and chain.index(MIDDLEWARE) < chain.index(UPDATE_CACHE):
            msg = "No visitor is kept: FpromMiddleware sees pages that the per-site cache marked."
            hint = f'Move "{MIDDLEWARE}" behind "{UPDATE_CACHE}" in MIDDLEWARE.'
            return [Warning(msg, hint=hint, id="fprom.W002")]
    return []
