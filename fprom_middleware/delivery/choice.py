"""FPROM_DELIVERY: which delivery an account has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..settings.choices import DeliveryMode, WorkerMode
from .inline import InlineDelivery
from .memory import MemoryDelivery
from .uwsgi import warn_without_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..api.client import TrackingApi
    from ..settings.model import FpromSettings
    from .base import Delivery, StartHint


def make_delivery(
    settings: FpromSettings, api: TrackingApi, *, clock: Callable[[], float], hint: StartHint
) -> Delivery:
    """Make the delivery that the settings name.

    Args:
        settings: The account's settings.
        api: Where events go.
        clock: Seconds since the epoch.
        hint: What the delivery tells requests with.

    Returns:
        The delivery; nothing is open yet.

    Raises:
        FpromConfigError: The outbox's URL is wrong, or its driver is missing.
    """
    if settings.delivery is DeliveryMode.MEMORY:
        return MemoryDelivery()
    if settings.delivery is DeliveryMode.INLINE or not settings.enabled:
        return InlineDelivery(settings, api)
    # Here and not above: the others load no SQL.
    from .durable import OutboxDelivery  # noqa: PLC0415

    if settings.worker is WorkerMode.THREAD:
        warn_without_threads()
    return OutboxDelivery(settings, api, clock=clock, hint=hint)
