"""aiohttp.web: a middleware, a signal and a cleanup context, which `init_app` adds.

aiohttp has neither environ nor scope; `scope` writes a request down as an ASGI scope, and all that
reads one is shared with ASGI. Start reading in `app`. This room imports aiohttp, `tracking`
and the rooms below.
"""

from ..tracking import (
    dump_tracking,
    load_tracking,
    stripe_metadata,
    track_cancellation_async,
    track_refund_async,
    track_sale_async,
    track_signup_async,
)
from ..visitor.locate import get_tracking
from .app import APP_KEY, init_app

__all__ = [
    "APP_KEY",
    "dump_tracking",
    "get_tracking",
    "init_app",
    "load_tracking",
    "stripe_metadata",
    "track_cancellation_async",
    "track_refund_async",
    "track_sale_async",
    "track_signup_async",
]
