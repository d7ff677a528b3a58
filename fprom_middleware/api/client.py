"""FirstPromoter's Tracking API v2 over httpx: one call, one `Outcome`."""

from __future__ import annotations

import logging
import threading
import time
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, Final

import httpx

from ..forking import ForkLock
from ..version import __version__
from .protocol import MAX_ANSWER, NO_ANSWER, Outcome, build_signup, read_answer
from .transport import DeadlineTransport, deadline, environment_proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..events.lead import Lead
    from ..settings.model import FpromSettings

logger = logging.getLogger(__name__)
_AGENT: Final = f"fprom-middleware/{__version__}"


class TrackingApi:
    """One account's Tracking API, with one pool of connections.

    Every answer and every failure becomes an `Outcome`; nothing but a cancellation is raised.

    Args:
        settings: Base URL, credentials and time-out.
        client: A client to use in place of the pooled one; it stays the caller's to close.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: FpromSettings,
        *,
        client: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._given = client
        self._pooled: httpx.Client | None = None
        self._lock = threading.Lock()
        # Opening the pool imports modules; a child forked meanwhile could never import them.
        self._fork_lock = ForkLock(lambda: None)

    def signup(self, lead: Lead) -> Outcome:
        """Report one sign-up.

        Args:
            lead: The sign-up.

        Returns:
            What the call came to, at the latest after the time-out of the settings.
        """
        ends = time.monotonic() + self._settings.timeout
        code, body, wait = 0, None, None
        request = self._request(lead)
        try:
            with (
                deadline(self._settings.timeout),
                self._client().stream(**request) as answer,
            ):
                code, wait = answer.status_code, answer.headers.get("retry-after")
                body = _read(answer, ends)
        except Exception as error:  # noqa: BLE001 - the status received so far decides
            _log_broken_off(error)
        return self._outcome(code, body, wait)

    def close(self) -> None:
        """Close the pooled connections; the next call opens new ones."""
        # Without the lock: a thread that opens the pool may be kept for long, the end may not.
        client, self._pooled = self._pooled, None
        if client is not None:
            client.close()

    def _request(self, lead: Lead) -> dict[str, Any]:
        call = build_signup(self._settings, lead)
        return {
            "method": "POST",
            "url": call.url,
            "headers": call.headers,
            "content": call.body,
            "timeout": self._settings.timeout,
            # An injected client may have its own idea of these.
            "auth": None,
            "follow_redirects": False,
        }

    def _outcome(self, code: int, body: bytes | None, wait: str | None) -> Outcome:
        if not code:
            return NO_ANSWER
        return read_answer(code, body, retry_after=wait, now=self._clock())

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given
        with self._fork_lock, self._lock:
            if self._pooled is None:
                self._pooled = httpx.Client(
                    transport=DeadlineTransport(environment_proxy(self._settings.base_url)),
                    headers={"User-Agent": _AGENT},
                    cookies=_NoCookies(),
                )
            return self._pooled


class _NoCookies(CookieJar):
    # The vendor's load balancer may set cookies; they are no part of the API. Nor is the time
    # that an ordinary jar takes to look for some in each answer.
    def extract_cookies(self, response: object, request: object) -> None:
        pass


def _read(answer: httpx.Response, ends: float) -> bytes | None:
    content = bytearray()
    if _is_packed(answer):
        return None
    for chunk in answer.iter_bytes():
        content += chunk
        # An injected client keeps no deadline of its own.
        if len(content) > MAX_ANSWER or time.monotonic() > ends:
            return None
    return bytes(content)


def _is_packed(answer: httpx.Response) -> bool:
    # It was not asked for, and unpacking one read of a hostile answer takes 1,000 times its size.
    return answer.headers.get("content-encoding", "identity") not in {"", "identity"}


def _log_broken_off(error: Exception) -> None:
    # Only the type: httpx and h11 quote headers in their texts.
    logger.debug("A call of the Tracking API broke off: %s.", type(error).__name__)
