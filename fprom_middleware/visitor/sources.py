"""Where a visitor is found beyond the vendor's cookies, and when that is kept.

In this order: the vendor's cookie, a single-page app's header, the link of this very request,
the cookie of our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .consent import may_track
from .cookie_policy import is_navigation
from .cookies import clean_value, find_ref, find_tid
from .keep_cookie import Keeper
from .links import read_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..settings.model import FpromSettings
    from .context import RequestTracking


class VisitorSources:
    """The further sources that the settings turn on.

    Args:
        settings: The account's settings.
        clock: Seconds since the epoch.
    """

    def __init__(self, settings: FpromSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._tid_header = (settings.tid_header or "").lower()
        self._keeper: Keeper | None = None
        if settings.keep_days or settings.link_params:
            self._keeper = Keeper(settings, clock)
        self._respects_gpc = self._keeper is not None and settings.respect_gpc

    def find_tid(self, context: RequestTracking) -> str | None:
        """Find the tid of a visitor who has no cookie of the vendor's.

        Args:
            context: A context that `fill` has filled.

        Returns:
            The tid, or None.
        """
        tid = clean_value(context.tid_header)
        if tid is None:
            tid, _ = self._link(context.query)
        if tid is None and self._keeper is not None and not context.declines:
            kept = self._keeper.read(context.cookies)
            tid = kept.tid if kept else None
        return tid

    def find_ref(self, context: RequestTracking) -> str | None:
        """Find the referral id of a visitor who has no cookie of the vendor's.

        Args:
            context: A context that `fill` has filled.

        Returns:
            The referral id, or None.
        """
        _, ref = self._link(context.query)
        if ref is None and self._keeper is not None and not context.declines:
            kept = self._keeper.read(context.cookies)
            ref = kept.ref_id if kept else None
        return ref

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
        cookies = context.cookies
        link_tid, link_ref = self._link(context.query)
        new = keeper.renew(
            keeper.read(cookies), find_tid(cookies) or link_tid, find_ref(cookies) or link_ref
        )
        if new is None or not is_navigation(
            dest=header("sec-fetch-dest"),
            mode=header("sec-fetch-mode"),
            accept=header("accept"),
        ):
            return None
        if not may_track(self._settings, connection):
            return None
        return keeper.set_cookie(new, secure=self._is_secure(scheme, header))

    def _link(self, query: str) -> tuple[str | None, str | None]:
        params = self._settings.link_params
        return read_link(query, params) if params and query else (None, None)

    def _is_secure(self, scheme: str, header: Callable[[str], str]) -> bool:
        if self._settings.trusted_proxies:
            # The proxy next to us writes last.
            scheme = header("x-forwarded-proto").rpartition(",")[2].strip().lower() or scheme
        return scheme in {"https", "wss"}
