"""FastAPI: a Starlette app with another name; the same verbs."""

from __future__ import annotations

from .starlette import FpromMiddleware, get_tracking, init_app, track_signup, track_signup_async

__all__ = ["FpromMiddleware", "get_tracking", "init_app", "track_signup", "track_signup_async"]
