"""The Django app: `manage.py fprom`, the migration, and the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from .checks import check_middleware, check_order, check_settings


class FpromConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """FirstPromoter's outbox; the app has no models of its own."""

    name = "fprom_middleware.django"
    label = "fprom"
    verbose_name = "FirstPromoter"

    def ready(self) -> None:
        """Register the checks."""
        checks.register(check_settings)
        checks.register(check_middleware)
        checks.register(check_order)
