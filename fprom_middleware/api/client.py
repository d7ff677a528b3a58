"""FirstPromoter's Tracking API v2 over httpx: one call, one `Outcome`."""

from __future__ import annotations

import logging
import threading
import time
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Final

import httpx

from ..events.receipt import Reason, Status
from ..forking import ForkLock
from ..interrupts import causes, raised_by_signal
from ..version import __version__
from .protocol import MAX_ANSWER, Outcome, build_call, read_answer
from .transport import (
    DeadlineTransport,
    deadline,
    environment_proxy,
    is_local_error,
    is_transport_error,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..events.kinds import AnyEvent
    from ..settings.model import FpromSettings

logger: logging.Logger = logging.getLogger(__name__)
# What files, a proxy's address and a missing package raise while the pool is made.
_NO_CLIENT: Final = (OSError, ValueError, ImportError, RuntimeError, httpx.InvalidURL)
_AGENT: Final = f"fprom-middleware/{__version__}"


class TrackingApi:
    """One account's Tracking API, with one pool of connections.

    Every answer and every failure of the network becomes an `Outcome`. What else is raised is no
    word about the event: a job's time limit, a mistake in a client that was handed in.

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

    def send(self, event: AnyEvent) -> Outcome:
        """Report one event.

        Args:
            event: The event.

        Returns:
            What the call came to, at the latest after the time-out of the settings.
        """
        call, seconds = build_call(self._settings, event), self._settings.timeout
        ends = time.monotonic() + seconds
        client, code, body, wait = None, 0, None, None
        try:
            client = self._client()
            with (
                deadline(seconds),
                client.stream(
                    "POST",
                    call.url,
                    # Of this type, and not a mapping: its repr hides the key.
                    headers=httpx.Headers(call.headers),
                    content=call.body,
                    timeout=seconds,
                    # An injected client may have its own idea of these.
                    auth=None,
                    follow_redirects=False,
                ) as answer,
            ):
                code, wait = answer.status_code, answer.headers.get("retry-after")
                body = _read(answer, ends)
        except Exception as error:
            if client is None:
                expected = isinstance(error, _NO_CLIENT)
            else:
                # Closed by another thread, at the end of the process.
                expected = is_transport_error(error) or client.is_closed
            limit = raised_by_signal(error)
            if limit is not None:
                raise limit from None
            if not expected:
                raise
            if not code:
                local = client is None or is_local_error(error)
                return _no_answer(Reason.LOCAL if local else Reason.NETWORK, error)
        # The status received so far decides.
        return read_answer(event, code, body, retry_after=wait, now=self._clock())

    def close(self) -> None:
        """Close the pooled connections; the next call opens new ones."""
        # Without the lock: a thread that opens the pool may be kept for long, the end may not.
        client, self._pooled = self._pooled, None
        if client is not None:
            client.close()

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


def _no_answer(reason: Reason, error: BaseException) -> Outcome:
    *_, root = causes(error)
    # Only the type: httpx and h11 quote headers in their texts.
    logger.debug("A call of the Tracking API broke off: %s.", type(root).__name__)
    return Outcome(Status.FAILED, reason, error=type(root).__name__)
