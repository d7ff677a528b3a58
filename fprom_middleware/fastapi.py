"""FastAPI: a Starlette app with another name; the same verbs."""

from __future__ import annotations

from .starlette import (
    FpromMiddleware,
    dump_tracking,
    get_tracking,
    init_app,
    init_templates,
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
