"""Whether a visitor may be tracked: FPROM_CONSENT=flask_app.privacy.may_track."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request


def may_track(environ: dict[str, Any]) -> bool:
    """Say whether the visitor has said yes to the banner, which writes a cookie.

    Args:
        environ: The request's.
    """
    return Request(environ).cookies.get("consent") == "yes"
