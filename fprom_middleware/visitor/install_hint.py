"""The lines that add the middleware, for the framework whose request has no context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_INIT_APP: Final = """\
Call init_app where the application is made:
    from fprom_middleware.{0} import init_app
    init_app(app)"""
_WRAP: Final = """\
Add the middleware where the application is made:
    from fprom_middleware.{0} import FpromMiddleware
    app = FpromMiddleware(app, settings)"""
_DJANGO: Final = """\
Add the middleware to the settings:
    MIDDLEWARE = ["fprom_middleware.django.FpromMiddleware", ...]"""
_WSGI: Final = _WRAP.format("wsgi")
_ANY: Final = f"""\
{_WSGI}
(ASGI: from fprom_middleware.asgi. With Flask, Starlette, FastAPI or aiohttp: `init_app(app)` from
fprom_middleware.flask, .starlette, .fastapi or .aiohttp. With Django:
"fprom_middleware.django.FpromMiddleware" in MIDDLEWARE.)"""
_UNKNOWN: Final = f"""\
It shows no WSGI environ and no ASGI scope. There are two ways out: hand in the raw environ or scope
itself, or a TrackingContext made by hand:
    fprom.track_signup(TrackingContext(tid=..., ip=...), email)
Where no middleware is there yet:
{_ANY}"""

# By the package that a request's class, one of its bases or its application comes from.
_BY_PACKAGE: Final = {
    "aiohttp": _INIT_APP.format("aiohttp"),
    "fastapi": _INIT_APP.format("fastapi"),
    "flask": _INIT_APP.format("flask"),
    "starlette": _INIT_APP.format("starlette"),
    "django": _DJANGO,
    "rest_framework": _DJANGO,
    "ninja": _DJANGO,
}


def install_hint(request: object, connection: Mapping[str, Any] | None) -> str:
    """Say what a request is and how its framework is given the middleware.

    Args:
        request: Anything that a view handed in; nothing of it is trusted to answer.
        connection: The first mapping that was found on it, or None.

    Returns:
        The class's name, and the lines to add; where it is no request that can be read, what may
        be handed in in its place.
    """
    kind = _ask(request, "__class__") or type(request)
    app = None if connection is None else connection.get("app")
    packages = {
        base.__module__.partition(".")[0]
        for each in (type(app), kind)
        for base in getattr(each, "__mro__", ())
    }
    known = (lines for package, lines in _BY_PACKAGE.items() if package in packages)
    lines = next(known, None) or _by_protocol(connection or {})
    return f"This {getattr(kind, '__name__', 'object')} holds no tracking context. {lines}"


def _by_protocol(connection: Mapping[str, Any]) -> str:
    if "type" in connection:
        return _WRAP.format("asgi")
    return _WSGI if "REQUEST_METHOD" in connection else _UNKNOWN


def _ask(request: Any, name: str) -> Any:
    try:
        return getattr(request, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign class may raise anything
        return None
