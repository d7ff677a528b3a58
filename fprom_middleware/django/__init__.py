"""Django: settings from ``django.conf.settings``, a middleware for sync and async.

In the settings::

    MIDDLEWARE = ["fprom_middleware.django.FpromMiddleware", ...]
    INSTALLED_APPS = [..., "fprom_middleware.django"]  # manage.py fprom, migration, checks
"""

from ..tracking import (
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
from ..visitor.locate import get_tracking
from .account import get_fprom
from .middleware import FpromMiddleware

__all__ = [
    "FpromMiddleware",
    "dump_tracking",
    "get_fprom",
    "get_tracking",
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
