"""Where a visitor is found beyond the vendor's cookies, and when that is kept.

In this order: the vendor's cookies, a single-page app's header, the link of this very request,
the cookie of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .click import NO_CLICK, Click, choose_click
from .consent import may_track
from .cookie_policy import is_opened
from .cookies import clean_value, find_ref, find_tid
from .keep_cookie import Keeper
from .links import read_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..settings.model import FpromSettings
    from .client_ip import AddressReader
    from .context import RequestTracking


class VisitorSources:
    """The further sources that the settings turn on.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
        addresses: Says which peers are believed.
    """

    def __init__(
        self, settings: FpromSettings, clock: Callable[[], float], addresses: AddressReader
    ) -> None:
        self._settings = settings
        self._addresses = addresses
        self._tid_header = (settings.tid_header or "").lower()
        self._keeper: Keeper | None = None
        if settings.keep_days or settings.link_params:
            self._keeper = Keeper(settings, clock)
        self._respects_gpc = self._keeper is not None and settings.respect_gpc

    def read_click(self, context: RequestTracking) -> Click:
        """Read the click of a visitor whom no cookie of the vendor's gives a tid.

        Args:
            context: A context that `fill` has filled.

        Returns:
            The click that counts.
        """
        kept = None
        if self._keeper is not None and not context.declines:
            kept = self._keeper.read(context.cookies)
        click = NO_CLICK if kept is None else kept.click
        named = self._named(context)
        # Nearly every visitor's ends here.
        return choose_click((*named, click)) if named else click

    def fill(self, context: RequestTracking, header: Callable[[str], str], *, query: str) -> None:
        """Give a context what these sources are read from.

        Args:
            context: The request's own.
            header: Looks a request header up by its lower-case name; empty where absent.
            query: The request's query string.
        """
        context.query = query
        context.tid_header = header(self._tid_header) if self._tid_header else ""
        context.declines = self._respects_gpc and header("sec-gpc").strip() == "1"

    def cookie(
        self,
        context: RequestTracking,
        connection: Mapping[str, Any],
        header: Callable[[str], str],
        *,
        method: str,
        scheme: str,
    ) -> str | None:
        """Decide whether the response shall set our cookie.

        Args:
            context: A context that `fill` has filled.
            connection: The environ or scope, to ask for consent.
            header: Looks a request header up by its lower-case name; empty where absent.
            method: The request's method.
            scheme: ``http`` or ``https``, as the server saw it.

        Returns:
            The value of a Set-Cookie header, or None.
        """
        keeper = self._keeper
        if keeper is None or method != "GET" or context.declines or not self._settings.enabled:
            return None
        new = keeper.renew(keeper.read(context.cookies), self._last_click(context))
        if new is None or not is_opened(header) or not may_track(self._settings, connection):
            return None
        if self._settings.trusted_proxies:
            # The proxy next to us writes last. A client that invents it harms its own cookie.
            scheme = header("x-forwarded-proto").rpartition(",")[2].strip().lower() or scheme
        trusts = self._addresses.trusts(context.peer)
        hosts = (trusts and header("x-forwarded-host")) or header("host")
        return keeper.set_cookie(new, secure=scheme in {"https", "wss"}, hosts=hosts.split(","))

    def _last_click(self, context: RequestTracking) -> Click:
        tid = find_tid(context.cookies)
        if tid:
            return Click(tid, find_ref(context.cookies))
        named = self._named(context)
        return choose_click(named) if named else NO_CLICK

    def _named(self, context: RequestTracking) -> tuple[Click, ...]:
        ref_id = find_ref(context.cookies)
        tid = clean_value(context.tid_header) if context.tid_header else None
        params, query = self._settings.link_params, context.query
        link = read_link(query, params) if params and query else NO_CLICK
        if ref_id is None and tid is None and link is NO_CLICK:
            return ()
        return Click(None, ref_id), Click(tid, None), link
