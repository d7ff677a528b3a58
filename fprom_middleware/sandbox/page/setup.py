"""What a developer pastes into an app so that it talks to the sandbox."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Final

from ...masking import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..double import FirstPromoterDouble

SNIPPET: Final = (
    "<script>window.fpr=window.fpr||function(){(fpr.q=fpr.q||[])"
    '[arguments[0]=="set"?"unshift":"push"](arguments)};'
    'fpr("init",{cid:%s});fpr("click");</script>\n'
    '<script src="%s/fpr.js" async></script>'
)
"""Word for word what the package writes, which this room does not import."""


def read_settings(double: FirstPromoterDouble, api_url: str) -> Mapping[str, str]:
    """List the three settings.

    Args:
        double: Whose account it is.
        api_url: Where its API stands.

    Returns:
        Values by key.
    """
    return {
        "FPROM_BASE_URL": api_url,
        "FPROM_API_KEY": printable(double.api_key),
        "FPROM_ACCOUNT_ID": printable(double.account_id),
    }


def write_settings(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Write settings as apps take them.

    Args:
        settings: Values by key.

    Returns:
        Texts by the name of the way.
    """
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in settings.items()}
    flask = "".join(f"    {key}={value},\n" for key, value in quoted.items())
    fastapi = "".join(f'        "{key}": {value},\n' for key, value in quoted.items())
    exported = (f"export {key}={shlex.quote(value)}" for key, value in settings.items())
    return {
        ".env": "\n".join(f"{key}={value}" for key, value in settings.items()),
        "shell": "\n".join(exported),
        "Flask": f"app.config.update(\n{flask})",
        "FastAPI": f"init_app(\n    app,\n    {{\n{fastapi}    }},\n)",
        "Django": "\n".join(f"{key} = {value}" for key, value in quoted.items()),
    }


def write_snippet(double: FirstPromoterDouble, base_url: str) -> str:
    """Write the script tag of an app's pages.

    Args:
        double: Whose account it is.
        base_url: Where the script stands.

    Returns:
        HTML to be pasted. Where the package's own ``fprom_script`` is used it is not needed.
    """
    account = json.dumps(double.account_id).replace("<", "\\u003c")
    return SNIPPET % (account, base_url)
