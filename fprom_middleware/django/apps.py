"""The Django app: `manage.py fprom`, the migration, and the system checks."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from .checks import check_middleware, check_order, check_settings
from .security_checks import check_keys, check_proxies

_CHECKS = (check_settings, check_middleware, check_order, check_proxies, check_keys)


class FpromConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """FirstPromoter's outbox; the app has no models of its own."""

    name = "fprom_middleware.django"
    label = "fprom"
    verbose_name = "FirstPromoter"

    def ready(self) -> None:
        """Register the checks."""
        for check in _CHECKS:
            checks.register(check)
