"""The lines that add the middleware, for the framework whose request has no context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

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
(ASGI: from fprom_middleware.asgi. With Flask, Starlette or FastAPI: `init_app(app)` from
fprom_middleware.flask, .starlette or .fastapi. With Django:
"fprom_middleware.django.FpromMiddleware" in MIDDLEWARE.)"""

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


def install_hint(request: object) -> str:
    """Say what a request is and how its framework is given the middleware.

    Args:
        request: Anything that a view handed in; nothing of it is trusted to answer.

    Returns:
        The class's name, and the lines to add.
    """
    kind = _ask(request, "__class__") or type(request)
    scope = request if isinstance(kind, type) and issubclass(kind, dict) else _ask(request, "scope")
    app = scope.get("app") if isinstance(scope, Mapping) else None
    packages = {
        base.__module__.partition(".")[0]
        for each in (type(app), kind)
        for base in getattr(each, "__mro__", ())
    }
    known = (lines for package, lines in _BY_PACKAGE.items() if package in packages)
    lines = next(known, None) or _by_protocol(request, scope)
    return f"This {getattr(kind, '__name__', 'object')} holds no tracking context. {lines}"


def _by_protocol(request: Any, scope: object) -> str:
    if isinstance(scope, Mapping) and "type" in scope:
        return _WRAP.format("asgi")
    environ = scope if isinstance(scope, Mapping) else _ask(request, "environ")
    if isinstance(environ, Mapping) and "REQUEST_METHOD" in environ:
        return _WSGI
    return _ANY


def _ask(request: Any, name: str) -> Any:
    try:
        return getattr(request, name, None)
    except Exception:  # noqa: BLE001 - a property of a foreign class may raise anything
        return None
