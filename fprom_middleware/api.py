"""FirstPromoter's Tracking API v2 over httpx, sync and async from one set of pure functions."""

from __future__ import annotations

import os
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import httpx

from .outcomes import MAX_ANSWER, NO_ANSWER, Outcome, build_signup, read_answer
from .transport import DeadlineTransport, deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from .leads import Lead
    from .settings import FpromSettings

try:
    _AGENT = f"fprom-middleware/{version('fprom-middleware')}"
except PackageNotFoundError:  # pragma: no cover - a source tree that nobody installed
    _AGENT = "fprom-middleware"


class TrackingApi:
    """One account's Tracking API, with one pooled client a process (and an event loop).

    Every answer and every failure becomes an `Outcome`; nothing but a cancellation is raised.

    Args:
        settings: Base URL, credentials and time-out.
        client: A client to use in place of the pooled one; it stays the caller's to close.
        async_client: The same for the async calls.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: FpromSettings,
        *,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._given = client
        self._given_async = async_client
        self._lock = threading.Lock()
        self._pooled: tuple[int, httpx.Client] | None = None
        # An async connection belongs to the event loop that opened it.
        self._pooled_async: anyio.lowlevel.RunVar[httpx.AsyncClient | None] = anyio.lowlevel.RunVar(
            f"fprom client {id(self)}", None
        )

    def signup(self, lead: Lead) -> Outcome:
        """Report one sign-up.

        Args:
            lead: The sign-up.

        Returns:
            What the call came to, at the latest after the time-out of the settings.
        """
        seconds = self._settings.timeout
        ends = time.monotonic() + seconds
        code, body, wait = 0, None, None
        call = build_signup(self._settings, lead)
        try:
            with (
                deadline(seconds),
                self._client().stream(
                    "POST",
                    call.url,
                    headers=call.headers,
                    content=call.body,
                    timeout=seconds,
                    auth=None,
                    follow_redirects=False,
                ) as answer,
            ):
                code, wait = answer.status_code, answer.headers.get("retry-after")
                content = bytearray()
                for chunk in answer.iter_bytes():
                    content += chunk
                    # An injected client keeps no deadline of its own.
                    if len(content) > MAX_ANSWER or time.monotonic() > ends:
                        break
                else:
                    body = bytes(content)
        except Exception:  # noqa: BLE001, S110 - whatever failed, the status received so far decides
            pass
        return self._outcome(code, body, wait)

    async def signup_async(self, lead: Lead) -> Outcome:
        """Report one sign-up without blocking the event loop.

        Args:
            lead: The sign-up.

        Returns:
            What the call came to, at the latest after the time-out of the settings.
        """
        code, body, wait = 0, None, None
        call = build_signup(self._settings, lead)
        with anyio.move_on_after(self._settings.timeout):
            try:
                async with self._async_client().stream(
                    "POST",
                    call.url,
                    headers=call.headers,
                    content=call.body,
                    timeout=self._settings.timeout,
                    auth=None,
                    follow_redirects=False,
                ) as answer:
                    code, wait = answer.status_code, answer.headers.get("retry-after")
                    content = bytearray()
                    async for chunk in answer.aiter_bytes():
                        content += chunk
                        if len(content) > MAX_ANSWER:
                            break
                    else:
                        body = bytes(content)
            except Exception:  # noqa: BLE001, S110 - whatever failed, the status received so far decides
                pass
        return self._outcome(code, body, wait)

    def close(self) -> None:
        """Close the pooled connections of the sync calls."""
        with self._lock:
            pooled, self._pooled = self._pooled, None
        if pooled is not None and pooled[0] == os.getpid():
            pooled[1].close()

    async def aclose(self) -> None:
        """Close the pooled connections of this event loop and of the sync calls."""
        self.close()
        pooled = self._pooled_async.get()
        if pooled is not None:
            self._pooled_async.set(None)
            await pooled.aclose()

    def _outcome(self, code: int, body: bytes | None, wait: str | None) -> Outcome:
        if not code:
            return NO_ANSWER
        return read_answer(code, body, retry_after=wait, now=self._clock())

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given
        with self._lock:
            # A forked child must not share its parent's sockets.
            if self._pooled is None or self._pooled[0] != os.getpid():
                transport = DeadlineTransport(self._settings.base_url)
                client = httpx.Client(transport=transport, headers={"User-Agent": _AGENT})
                self._pooled = os.getpid(), client
            return self._pooled[1]

    def _async_client(self) -> httpx.AsyncClient:
        if self._given_async is not None:
            return self._given_async
        client = self._pooled_async.get()
        if client is None:
            client = httpx.AsyncClient(headers={"User-Agent": _AGENT})
            self._pooled_async.set(client)
        return client
