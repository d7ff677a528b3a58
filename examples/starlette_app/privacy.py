"""Whether a visitor may be tracked: FPROM_CONSENT=starlette_app.privacy.may_track."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection


def may_track(scope: dict[str, Any]) -> bool:
    """Say whether the visitor has said yes to the banner, which writes a cookie.

    Args:
        scope: The request's.
    """
    return HTTPConnection(scope).cookies.get("consent") == "yes"
