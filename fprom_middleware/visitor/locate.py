"""Finding the tracking context on any framework's request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import FpromNotInstalled
from .context import KEY, TrackingContext
from .install_hint import install_hint

# Where frameworks keep the environ or the scope of a request.
_ATTRIBUTES = ("environ", "scope", "env", "wsgi_environ", "_scope")
# What one protocol's bridge leaves of the other inside its own mapping.
_BRIDGES: list[Any] = ["asgi.scope", "wsgi_environ"]


def add_place(key: object) -> None:
    """Have a request that is itself a mapping asked for its environ or scope.

    Args:
        key: Where an adapter keeps it: frameworks have keys that are no text.
    """
    _BRIDGES.append(key)


class Located(NamedTuple):
    """A context that has been found; handed in as a request it is not looked for again.

    Attributes:
        context: The context.
        connection: The environ or scope it stands in; None for a bare context.
    """

    context: TrackingContext
    connection: Mapping[str, Any] | None


def get_tracking(request: object) -> TrackingContext:
    """Return the tracking context that the middleware attached.

    Args:
        request: Any framework's request, a raw WSGI environ or ASGI scope, or a
            `TrackingContext`, which is returned as it is.

    Returns:
        The context; its ``tid``, ``ref_id`` and ``ip`` are read on first use.

    Raises:
        FpromNotInstalled: No middleware ran before; the text shows the lines to add.
    """
    # The shortest way for a raw environ or scope, which is what adapters hand in.
    if type(request) is dict:
        found = request.get(KEY)
        if isinstance(found, TrackingContext):
            return found
    return locate(request).context


def locate(request: object) -> Located:
    """Find the context and the environ or scope it stands in.

    Args:
        request: As in `get_tracking`.

    Returns:
        The context and its mapping.

    Raises:
        FpromNotInstalled: As in `get_tracking`.
    """
    if type(request) is Located:
        return request
    seen = None
    for found, mapping in _places(request):
        if isinstance(found, TrackingContext):
            return Located(found, mapping)
        if seen is None:
            seen = mapping
    raise FpromNotInstalled(install_hint(request, seen))


def _places(request: object) -> Iterator[tuple[object, Mapping[str, Any] | None]]:
    # The request itself comes last: Starlette's is a mapping too, but not the scope that a
    # consent hook is promised.
    for name in (*_ATTRIBUTES, ""):
        # All of it in here: a proxy may even refuse to say what it is.
        try:
            place = getattr(request, name, None) if name else request
            if isinstance(place, TrackingContext):
                yield place, None
            # A mock has every attribute; only a mapping is an environ or a scope.
            elif isinstance(place, Mapping):
                yield place.get(KEY), place
                for bridge in _BRIDGES:
                    inner = place.get(bridge)
                    if isinstance(inner, Mapping):
                        yield inner.get(KEY), inner
        except RuntimeError as error:
            # Flask's and Quart's proxies refuse outside a request; Sanic outside ASGI mode.
            if "context" in str(error).lower():
                msg = (
                    "There is no request here: it was read outside a request context. Hand in "
                    "a TrackingContext, or the request itself from inside the view."
                )
                raise FpromNotInstalled(msg) from error
        except Exception:  # noqa: BLE001, S112 - a property of a foreign class may raise anything
            continue
