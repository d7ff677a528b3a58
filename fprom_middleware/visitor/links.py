"""Who a referral link names, for visitors whose browser blocks the tracking script."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import parse_qsl

from .click import NO_CLICK, Click
from .cookies import clean_value

CROSS_DOMAIN_PARAM: Final = "fpc"
"""The vendor's own parameter: ``<tid>--<base64 of the ref>``, from another root domain."""
MAX_QUERY: Final = 8192
"""Characters of a query string that are looked at."""
_MAX_FIELDS: Final = 200
_ALPHABETS: Final = str.maketrans("-_ ", "+/+")


def read_link(query: str, params: tuple[str, ...]) -> Click:
    """Read a tid and a referral id out of a query string.

    Args:
        query: Without the question mark, still percent-encoded.
        params: FPROM_LINK_PARAMS, the first that names a usable one wins.

    Returns:
        The tid and the referral id, each None where the link does not name a usable one.
    """
    names = (*params, CROSS_DOMAIN_PARAM)
    if len(query) > MAX_QUERY or not any(f"{name}=" in query for name in names):
        return NO_CLICK
    try:
        found = dict(reversed(parse_qsl(query, max_num_fields=_MAX_FIELDS)))
    except ValueError:
        return NO_CLICK
    tid, ref = _read_cross_domain(found.get(CROSS_DOMAIN_PARAM, ""))
    named = (clean_value(found.get(name, "")) for name in params)
    return Click(tid, next(filter(None, named), ref))


def _read_cross_domain(text: str) -> tuple[str | None, str | None]:
    tid, dashes, encoded = text.partition("--")
    if not dashes:
        return None, None
    try:
        # A plus that was not encoded has become a blank in the query string.
        text = encoded.translate(_ALPHABETS)
        ref = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        ref = ""
    return clean_value(tid), clean_value(ref)
