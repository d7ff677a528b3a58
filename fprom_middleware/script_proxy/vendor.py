"""The vendor's side: three fixed addresses, one bounded exchange."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from ..api.transport import DeadlineTransport, deadline, environment_proxy
from ..forking import ForkLock
from ..interrupts import causes, raised_by_signal
from ..snippet import SCRIPT_PATH, sandbox_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..settings.model import FpromSettings
    from .calls import Route

SECONDS: Final = 2.0
"""For one whole exchange, names and bodies included."""
MAX_ANSWER: Final = 65_536
MAX_SCRIPT: Final = 524_288
"""Bytes; the script has some ten thousand."""
SCRIPT_URLS: Final = (
    "https://cdn.firstpromoter.com/fpr-proxy.js",
    "https://docs.firstpromoter.com/downloadables/fpr-prox.js",
)
"""The script that can be told its addresses: as the vendor's recipe for Cloudflare names it, and
as its guide hands it out (docs.firstpromoter.com/guides/proxy-setup)."""
TRACKER: Final = "https://t.firstpromoter.com"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an exchange.

    Attributes:
        status: The HTTP status; 0 where there was no answer that could be used.
        headers: The vendor's.
        body: The whole of it.
        error: What went wrong, for the log; never a text of others.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    error: str = ""


class Vendor:
    """FirstPromoter's tracker and script, or the sandbox where FPROM_BASE_URL names this machine.

    Args:
        settings: The account's settings.
        may_leave: Says whether a call may leave this machine now.

    Attributes:
        script_urls: Where the script may be had, the first that answers counts.
    """

    def __init__(self, settings: FpromSettings, may_leave: Callable[[], bool]) -> None:
        sandbox = sandbox_root(settings)
        self._tracker = sandbox or TRACKER
        self.script_urls = SCRIPT_URLS if sandbox is None else (sandbox + SCRIPT_PATH,)
        self._may_leave = may_leave if sandbox is None else _always
        self._transports: dict[str, DeadlineTransport] = {}
        # As in the API's client: opening a pool imports modules.
        self._fork_lock = ForkLock(lambda: None)

    def post(self, route: Route, headers: Iterable[tuple[str, str]], body: bytes) -> Reply:
        """Pass a call on.

        Args:
            route: Which of the two.
            headers: All that it goes out with, Host and Content-Length aside.
            body: The form.
        """
        request = httpx.Request(
            "POST", self._tracker + route.path, headers=[*headers], content=body
        )
        return self._exchange(request, seconds=SECONDS, most=MAX_ANSWER)

    def get(self, url: str, headers: Iterable[tuple[str, str]]) -> Reply:
        """Fetch the script from one of its addresses, which share the time that there is."""
        request = httpx.Request("GET", url, headers=[*headers])
        return self._exchange(request, seconds=SECONDS / len(self.script_urls), most=MAX_SCRIPT)

    def _exchange(self, request: httpx.Request, *, seconds: float, most: int) -> Reply:
        if not self._may_leave():
            return Reply(0, error="tests send nothing")
        try:
            # Not through a client: its own headers, cookies and redirects would have to be undone.
            transport = self._transport(request.url)
            with deadline(seconds):
                answer = transport.handle_request(request)
                try:
                    return _read(answer, most)
                finally:
                    answer.close()
        except Exception as error:  # noqa: BLE001 - no page fails because of us
            limit = raised_by_signal(error)
            if limit is not None:
                raise limit from None
            *_, root = causes(error)
            return Reply(0, error=type(root).__name__)

    def _transport(self, url: httpx.URL) -> DeadlineTransport:
        with self._fork_lock:
            transport = self._transports.get(url.host)
            if transport is None:
                transport = DeadlineTransport(environment_proxy(str(url)))
                transport = self._transports.setdefault(url.host, transport)
                weakref.finalize(self, transport.close).atexit = False
            return transport


def _always() -> bool:
    return True


def _read(answer: httpx.Response, most: int) -> Reply:
    if answer.headers.get("content-encoding", "identity") not in {"", "identity"}:
        # It was not asked for, and unpacking may take a thousand times its size.
        return Reply(0, error="a packed answer")
    body = bytearray()
    for chunk in answer.iter_raw():
        body += chunk
        if len(body) > most:
            return Reply(0, error="an answer too long")
    return Reply(answer.status_code, tuple(answer.headers.raw), bytes(body))
