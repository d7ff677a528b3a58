"""FastAPI: a Starlette app with another name; the same verbs."""

from __future__ import annotations

from .starlette import (
    FpromMiddleware,
    dump_tracking,
    get_tracking,
    init_app,
    init_templates,
    load_tracking,
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
    "track_signup",
    "track_signup_async",
]
