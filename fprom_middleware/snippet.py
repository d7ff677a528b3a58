"""The tracking script for a page's head."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .settings.model import FpromSettings

SCRIPT_URL: Final = "https://cdn.firstpromoter.com/fpr.js"
"""Where FirstPromoter serves its browser script."""

SCRIPT_PATH: Final = "/fpr.js"
CLICK_PATH: Final = "/tr"
DETAILS_PATH: Final = "/get_details"
"""Where, below FPROM_SCRIPT_PROXY, the script and its two calls have their first-party addresses;
on the sandbox they stand at its root."""

_API_PATH: Final = "/api/v2/track"

# Calls made before the script has loaded wait in a queue of this name, which it works off.
_LOADER = (
    "window.fpr=window.fpr||function(){(fpr.q=fpr.q||[])"
    '[arguments[0]=="set"?"unshift":"push"](arguments)};'
    'fpr("init",{cid:%s});fpr("click");'
)
# What the vendor's script for proxies reads (docs.firstpromoter.com/guides/proxy-setup).
_ADDRESSES = "window.proxy_fpr_tr_url=%s;window.proxy_fpr_get_details_url=%s;"


class Html(str):
    """Text that template engines take as markup: it is escaped already."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the markup, as markupsafe and Django ask for it."""
        return str(self)


def fprom_script(
    settings: FpromSettings, nonce: str | None = None, src: str | None = None, *, root: str = ""
) -> Html:
    """Write the two script elements that make a referral link count.

    Args:
        settings: Whose account it is; the account id is public, the key never stands here.
        nonce: The page's Content-Security-Policy nonce, where it has one.
        src: Where the script comes from. By default from this site with FPROM_SCRIPT_PROXY, else
            from FirstPromoter; from the sandbox where FPROM_BASE_URL names this very machine.
        root: The path that the app is mounted under, for FPROM_SCRIPT_PROXY.

    Returns:
        Markup; empty where the settings name no account or are not enabled.
    """
    if not settings.enabled or settings.account_id is None:
        return Html("")
    # As text first: a template's lazy nonce is false until it is read.
    text = "" if nonce is None else str(nonce)
    attribute = f' nonce="{escape(text)}"' if text else ""
    code = _LOADER % _text(settings.account_id)
    if settings.script_proxy is not None:
        base = root.rstrip("/") + settings.script_proxy
        code = _ADDRESSES % (_text(base + CLICK_PATH), _text(base + DETAILS_PATH)) + code
        url = base + SCRIPT_PATH
    else:
        sandbox = sandbox_root(settings)
        url = SCRIPT_URL if sandbox is None else sandbox + SCRIPT_PATH
    return Html(
        f"<script{attribute}>{code}</script>"
        f'<script{attribute} src="{escape(url if src is None else str(src))}" async></script>'
    )


def sandbox_root(settings: FpromSettings) -> str | None:
    """Return the address of the sandbox, where FPROM_BASE_URL names this very machine.

    Args:
        settings: The account's settings.

    Returns:
        Without a slash at its end; None for any other machine.
    """
    if not settings.is_local:
        return None
    parts = urlsplit(settings.base_url)
    # What is mounted under a path of its own serves its script there too.
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(_API_PATH)}"


def app_root(scope: Mapping[str, Any]) -> str:
    """Return the path that an ASGI app is mounted under.

    Args:
        scope: Of a request anywhere inside it.
    """
    # Below a Mount of Starlette's, root_path is the mount's.
    return str(scope.get("app_root_path", scope.get("root_path", "")))


def _text(value: str) -> str:
    # A JSON text is a JavaScript text; only `<` could end the element it stands in.
    return json.dumps(value).replace("<", "\\u003c")
