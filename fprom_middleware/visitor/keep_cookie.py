"""A first-party cookie that remembers the visitor longer than the browser lets a script.

Safari forgets after 7 days what a script wrote, and an ad blocker keeps the script from
writing at all. A cookie that the site's own server sets has neither problem. It has a name of
our own: the vendor's script takes its own cookies for a click that was reported already, so
a server that writes those suppresses the click.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from itsdangerous import BadData

from ..addresses import parse_address
from .click import NO_CLICK, Click
from .cookies import MAX_VALUE, find_values
from .tokens import SKEW, as_text, keep_serializer, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..settings.model import FpromSettings

LINK_DAYS: Final = 60
"""Days for which a link's ref is kept where FPROM_KEEP_DAYS is off: the vendor's own default."""

_DAY = 86400
_FIELDS = 4
_CACHED = 1024

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, repr=False)
class KeptVisitor:
    """What the cookie holds.

    Attributes:
        click: Who the visitor is; nothing of anyone where a later click could not be kept.
        since: The first visit of that click, seconds since the epoch. It never moves, so that
            the window is counted once.
        changed: When the cookie was written; of several the newest counts.
    """

    click: Click
    since: int
    changed: int


class Keeper:
    """Reads and renews the cookie.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
    """

    def __init__(self, settings: FpromSettings, clock: Callable[[], float]) -> None:
        self._keeps_tid = settings.keep_days > 0
        self._window = (settings.keep_days or LINK_DAYS) * _DAY
        self._name = settings.keep_name
        self._domain = settings.keep_domain
        self._plain = re.compile(
            rf"(?:; )?{re.escape(self._name)}=([\w.-]{{1,{MAX_VALUE}}}+)(?:;|\Z)", re.ASCII
        )
        self._clock = clock
        self._serializer = keep_serializer(settings.secret_keys, settings.account_id)
        # One visitor asks for many pages; a signature is the dearest part of each.
        self._verify = lru_cache(maxsize=_CACHED)(self._open)
        self._warned = False

    def read(self, cookies: str) -> KeptVisitor | None:
        """Read what was kept.

        Args:
            cookies: Cookie header lines joined by ``; ``.

        Returns:
            What the newest of our cookies holds that verifies and whose window is not over;
            None where there is none.
        """
        name = self._name
        at = cookies.find(name)
        if at < 0:
            return None
        # Nearly every cookie of ours is as we wrote it, and alone: half the cost of the rest.
        plain = self._plain.match(cookies, at - 2 if at > 1 else 0)
        if plain and cookies.find(name, plain.end()) < 0:
            kept = self._verify(plain[1])
            return kept if kept and -SKEW <= self._clock() - kept.since < self._window else None
        now, found = self._clock(), map(self._verify, find_values(cookies, name))
        current = [kept for kept in found if kept and -SKEW <= now - kept.since < self._window]
        return max(current, key=attrgetter("changed"), default=None)

    def renew(self, kept: KeptVisitor | None, click: Click) -> KeptVisitor | None:
        """Decide what is to be written.

        Args:
            kept: What the visitor's cookie holds.
            click: What this request's other sources say: the newer click.

        Returns:
            What is to be written; None where nothing is new.
        """
        tid, ref_id = click
        if tid is None and ref_id is None:
            return None
        old = NO_CLICK if kept is None else kept.click
        # Nearly every request ends here.
        if tid == old.tid and (ref_id is None or ref_id == old.ref_id):
            return None
        is_same = _is_same_click(old, click)
        if is_same:
            click = Click(click.tid or old.tid, click.ref_id or old.ref_id)
        if not self._keeps_tid and click.tid != old.tid:
            click = click._replace(tid=None)
        if click == old:
            return None
        now = int(self._clock())
        return KeptVisitor(click, kept.since if kept and is_same else now, now)

    def set_cookie(self, kept: KeptVisitor, *, secure: bool, hosts: Iterable[str]) -> str | None:
        """Write the Set-Cookie header.

        Args:
            kept: What it is to hold.
            secure: Whether the visitor came by https.
            hosts: The names under which the visitor may have come, with or without ports.

        Returns:
            The header's value; None for a visitor too long to keep.
        """
        text = as_text(self._serializer.dumps([*kept.click, kept.since, kept.changed]))
        if len(text) > MAX_VALUE:
            return None
        left = ceil(kept.since + self._window - self._clock())
        domain = f"; Domain={self._domain}" if self._domain and self._suits(hosts) else ""
        end = "; Secure" if secure else ""
        return f"{self._name}={text}; Max-Age={left}; Path=/{domain}; HttpOnly; SameSite=Lax{end}"

    def _suits(self, hosts: Iterable[str]) -> bool:
        """Say whether a browser would take a cookie with our domain."""
        end = f".{self._domain}"
        for host in hosts:
            name = host.strip().lower().partition(":")[0].rstrip(".")
            # A name without a dot, or an address, is a proxy's for this app.
            if f".{name}".endswith(end) or "." not in name or parse_address(name) is not None:
                return True
        if not self._warned:
            self._warned = True
            logger.warning(
                "FPROM_KEEP_DOMAIN=%s is not the domain of a host that visitors come to: their "
                "cookie is set for that host alone.",
                self._domain,
            )
        return False

    def _open(self, raw: str) -> KeptVisitor | None:
        try:
            payload = verified(self._serializer, raw)
        except (BadData, UnicodeError):
            return None
        if not isinstance(payload, list) or len(payload) != _FIELDS:
            return None
        tid, ref_id, since, changed = payload
        texts = all(value is None or isinstance(value, str) for value in (tid, ref_id))
        moments = type(since) is int and type(changed) is int
        return KeptVisitor(Click(tid, ref_id), since, changed) if texts and moments else None


def _is_same_click(old: Click, new: Click) -> bool:
    if old.tid and new.tid:
        return old.tid == new.tid
    return old.ref_id is not None and old.ref_id == new.ref_id
