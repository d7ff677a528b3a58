"""``{% load fprom %}``, then ``{% fprom_script %}`` in a page's head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.urls import get_script_prefix

from fprom_middleware import snippet
from fprom_middleware.django.account import get_fprom

if TYPE_CHECKING:
    from fprom_middleware.snippet import Html

register = template.Library()


@register.simple_tag  # type: ignore[untyped-decorator]  # Django has no types
def fprom_script(nonce: str | None = None, src: str | None = None) -> Html:
    """Write FirstPromoter's tracking script.

    Args:
        nonce: The page's Content-Security-Policy nonce, where it has one.
        src: Where the script comes from, as in `snippet.fprom_script`.

    Returns:
        Markup.
    """
    return snippet.fprom_script(get_fprom().settings, nonce, src, root=get_script_prefix())
