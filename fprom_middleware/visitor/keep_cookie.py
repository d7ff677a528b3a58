"""A first-party cookie that remembers the visitor longer than the browser lets a script.

Safari forgets after 7 days what a script wrote, and an ad blocker keeps the script from
writing at all. A cookie that the site's own server sets has neither problem. It has a name of
our own: the vendor's script takes its own cookies for a click that was reported already, so
a server that writes those suppresses the click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Final

from itsdangerous import BadData

from .cookies import MAX_VALUE, find_cookie
from .tokens import SKEW, as_text, keep_serializer, verified

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..settings.model import FpromSettings

COOKIE: Final = "fprom_keep"
LINK_DAYS: Final = 60
"""Days for which a link's ref is kept where FPROM_KEEP_DAYS is off: the vendor's own default."""

_PLAIN = re.compile(rf"(?:; )?{COOKIE}=([\w.-]{{1,{MAX_VALUE}}}+)(?:;|\Z)", re.ASCII)
_DAY = 86400
_FIELDS = 3
_CACHED = 1024


@dataclass(frozen=True, slots=True, repr=False)
class KeptVisitor:
    """What the cookie holds.

    Attributes:
        tid: FirstPromoter's visitor id.
        ref_id: The promoter's referral id.
        since: The first visit, seconds since the epoch. It never moves, so that the window
            is counted once.
    """

    tid: str | None
    ref_id: str | None
    since: int


class Keeper:
    """Reads and renews the cookie.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
    """

    def __init__(self, settings: FpromSettings, clock: Callable[[], float]) -> None:
        self._keeps_tid = settings.keep_days > 0
        self._window = (settings.keep_days or LINK_DAYS) * _DAY
        self._domain = settings.keep_domain
        self._clock = clock
        self._serializer = keep_serializer(settings.secret_keys)
        # One visitor asks for many pages; a signature is the dearest part of each.
        self._verify = lru_cache(maxsize=_CACHED)(self._open)

    def read(self, cookies: str) -> KeptVisitor | None:
        """Read what was kept.

        Args:
            cookies: Cookie header lines joined by ``; ``.

        Returns:
            What the cookie holds; None where there is none, where it does not verify, or
            where its window is over.
        """
        at = cookies.find(COOKIE)
        if at < 0:
            return None
        # Nearly every cookie of ours is as we wrote it: half the cost of what follows.
        plain = _PLAIN.match(cookies, at - 2 if at > 1 else 0)
        raw = plain[1] if plain else find_cookie(cookies, COOKIE)
        kept = None if raw is None else self._verify(raw)
        if kept is None or not -SKEW <= self._clock() - kept.since < self._window:
            return None
        return kept

    def renew(
        self, kept: KeptVisitor | None, tid: str | None, ref_id: str | None
    ) -> KeptVisitor | None:
        """Decide what is to be written.

        Args:
            kept: What the visitor's cookie holds.
            tid: The tid of this request's other sources: a newer one wins.
            ref_id: The ref of this request's other sources.

        Returns:
            What is to be written; None where nothing is new.
        """
        if not self._keeps_tid:
            tid = None
        if kept is None:
            return KeptVisitor(tid, ref_id, int(self._clock())) if tid or ref_id else None
        tid, ref_id = tid or kept.tid, ref_id or kept.ref_id
        # Nearly every request ends here: nothing is made that is only to be compared.
        if tid == kept.tid and ref_id == kept.ref_id:
            return None
        return KeptVisitor(tid, ref_id, kept.since)

    def set_cookie(self, kept: KeptVisitor, *, secure: bool) -> str | None:
        """Write the Set-Cookie header.

        Args:
            kept: What it is to hold.
            secure: Whether the visitor came by https.

        Returns:
            The header's value; None for a visitor too long to keep.
        """
        text = as_text(self._serializer.dumps([kept.tid, kept.ref_id, kept.since]))
        if len(text) > MAX_VALUE:
            return None
        left = ceil(kept.since + self._window - self._clock())
        domain = f"; Domain={self._domain}" if self._domain else ""
        end = "; Secure" if secure else ""
        return f"{COOKIE}={text}; Max-Age={left}; Path=/{domain}; HttpOnly; SameSite=Lax{end}"

    def _open(self, raw: str) -> KeptVisitor | None:
        try:
            payload = verified(self._serializer, raw)
        except (BadData, UnicodeError):
            return None
        if not isinstance(payload, list) or len(payload) != _FIELDS:
            return None
        tid, ref_id, since = payload
        texts = all(value is None or isinstance(value, str) for value in (tid, ref_id))
        return KeptVisitor(tid, ref_id, since) if texts and type(since) is int else None
