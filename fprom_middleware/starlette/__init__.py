"""Starlette: settings from the environment or a `Config`, the middleware around the app.

`init_app` adds it; ``lifespan`` closes what it opened when the app shuts down. Start reading in
`app`. This room imports Starlette, `asgi`, `tracking`, `snippet` and the rooms below; it is all of
`fprom_middleware.fastapi`, too, but for that one's dependencies.
"""

from ..asgi import FpromMiddleware
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
from .app import init_app, init_templates, lifespan

__all__ = [
    "FpromMiddleware",
    "dump_tracking",
    "get_tracking",
    "init_app",
    "init_templates",
    "lifespan",
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
