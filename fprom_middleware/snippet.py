"""The tracking script for a page's head."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from .addresses import is_loopback_host

if TYPE_CHECKING:
    from .settings.model import FpromSettings

SCRIPT_URL: Final = "https://cdn.firstpromoter.com/fpr.js"
"""Where FirstPromoter serves its browser script."""

_API_PATH: Final = "/api/v2/track"

# Calls made before the script has loaded wait in a queue of this name, which it works off.
_LOADER = (
    "window.fpr=window.fpr||function(){(fpr.q=fpr.q||[])"
    '[arguments[0]=="set"?"unshift":"push"](arguments)};'
    'fpr("init",{cid:%s});fpr("click");'
)


class Html(str):
    """Text that template engines take as markup: it is escaped already."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the markup, as markupsafe and Django ask for it."""
        return str(self)


def fprom_script(settings: FpromSettings, nonce: str | None = None, src: str | None = None) -> Html:
    """Write the two script elements that make a referral link count.

    Args:
        settings: Whose account it is; the account id is public, the key never stands here.
        nonce: The page's Content-Security-Policy nonce, where it has one.
        src: Where the script comes from. By default from FirstPromoter; from the sandbox where
            FPROM_BASE_URL names this very machine.

    Returns:
        Markup; empty where the settings name no account or are not enabled.
    """
    if not settings.enabled or settings.account_id is None:
        return Html("")
    # As text first: a template's lazy nonce is false until it is read.
    text = "" if nonce is None else str(nonce)
    attribute = f' nonce="{escape(text)}"' if text else ""
    # A JSON text is a JavaScript text; only `<` could end the element it stands in.
    account = json.dumps(settings.account_id).replace("<", "\\u003c")
    return Html(
        f"<script{attribute}>{_LOADER % account}</script>"
        f'<script{attribute} src="{escape(_script_url(settings) if src is None else str(src))}"'
        " async></script>"
    )


def _script_url(settings: FpromSettings) -> str:
    parts = urlsplit(settings.base_url)
    if not is_loopback_host(parts.hostname or ""):
        return SCRIPT_URL
    # What is mounted under a path of its own serves its script there too.
    return f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(_API_PATH)}/fpr.js"
