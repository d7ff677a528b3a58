"""The shop's templates, and what all of them know."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.templating import Jinja2Templates

if TYPE_CHECKING:
    from starlette.requests import Request


def _common(request: Request) -> dict[str, Any]:
    return {"oauth_url": request.app.state.oauth_url}


templates = Jinja2Templates(Path(__file__).with_name("templates"), context_processors=[_common])
