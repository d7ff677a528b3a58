"""The script that browsers get: a copy of the vendor's in memory, or a file of the user's."""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ..errors import FpromConfigError
from ..version import __version__
from .calls import NO_CONTENT, Answer, matches_etag
from .vendor import MAX_SCRIPT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .vendor import Reply, Vendor

FRESH_SECONDS: Final = 86_400.0
"""After which a copy is validated."""
RETRY_SECONDS: Final = 60.0
"""After a fetch that failed."""
CONTENT_TYPE: Final = ("Content-Type", "text/javascript; charset=utf-8")

_AGENT: Final = f"fprom-middleware/{__version__}"
# The script of the vendor's that cannot be told its addresses would call the tracker itself.
_MARK: Final = b"proxy_fpr_tr_url"

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Copy:
    """A script.

    Attributes:
        body: Its text.
        etag: Ours, with quotes.
    """

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> Copy:
        """Make one."""
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


class Script(Protocol):
    """Where the script comes from."""

    @property
    def copy(self) -> Copy | None:
        """What there is now."""
        ...

    def is_due(self) -> bool:
        """Say whether `load` may have something to do; it does not block."""
        ...

    def load(self) -> None:
        """Renew the copy; it may block for `SECONDS`."""
        ...

    def start_afresh(self, vendor: Vendor) -> None:
        """Go on in a child, without the parent's locks and connections."""
        ...


def answer_script(copy: Copy | None, if_none_match: str, *, asks_consent: bool) -> Answer:
    """Return what a browser gets that asks for the script.

    Args:
        copy: What there is.
        if_none_match: The header's value.
        asks_consent: Whether visitors are asked, so that one's answer is not another's.
    """
    if copy is None:
        return NO_CONTENT
    caching = "private, no-cache" if asks_consent else "public, max-age=3600"
    headers = (("ETag", copy.etag), ("Cache-Control", caching))
    if matches_etag(copy.etag, if_none_match):
        return Answer.of(304, *headers)
    return Answer.of(200, CONTENT_TYPE, *headers, body=copy.body)


class FileScript:
    """FPROM_SCRIPT_FILE: read at start, and anew when it has changed.

    Args:
        path: The file.

    Raises:
        FpromConfigError: It cannot be read, is empty or too long.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self.copy: Copy | None = None
        self._seen: tuple[int, int] | None = None
        self.load()
        if self.copy is None:
            msg = f"{path!r} is empty, longer than {MAX_SCRIPT} bytes or cannot be read."
            raise FpromConfigError(msg, key="FPROM_SCRIPT_FILE")

    def is_due(self) -> bool:
        """Say whether the file is another than the one that was read; gone, it is served on."""
        seen = self._look()
        return seen is not None and seen != self._seen

    def load(self) -> None:
        """Read the file; one that cannot be served leaves the copy as it is."""
        self._seen = self._look()
        try:
            with self._path.open("rb") as file:
                body = file.read(MAX_SCRIPT + 1)
        except OSError:
            return
        if 0 < len(body) <= MAX_SCRIPT:
            self.copy = Copy.of(body)

    def start_afresh(self, vendor: Vendor) -> None:
        """Go on in a child: a file is a file."""

    def _look(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


class FetchedScript:
    """The vendor's script: fetched at the first request, validated once a day.

    Args:
        vendor: Where from.
        clock: Seconds since the epoch.
    """

    def __init__(self, vendor: Vendor, clock: Callable[[], float]) -> None:
        self._vendor = vendor
        self._clock = clock
        self.copy: Copy | None = None
        self._url = self._etag = ""
        self._looked_at: float | None = None
        self._good_for = 0.0
        self._lock = threading.Lock()

    def is_due(self) -> bool:
        """Say whether there is no copy that is fresh, and the last try was long enough ago."""
        looked_at = self._looked_at
        return looked_at is None or not 0 <= self._clock() - looked_at < self._good_for

    def load(self) -> None:
        """Fetch or validate the copy; a stale one is served on while it cannot be had."""
        # While one thread fetches, others wait only where there is nothing to serve yet.
        if not self._lock.acquire(timeout=0 if self.copy else SECONDS):
            return
        try:
            if self.is_due():
                self._fetch()
        finally:
            self._lock.release()

    def start_afresh(self, vendor: Vendor) -> None:
        """Go on in a child with the copy that there is."""
        self._vendor = vendor
        self._lock = threading.Lock()

    def _fetch(self) -> None:
        errors = []
        for url in self._vendor.script_urls:
            headers = [("user-agent", _AGENT)]
            if self.copy is not None and url == self._url and self._etag:
                headers.append(("if-none-match", self._etag))
            reply = self._vendor.get(url, headers)
            if reply.status == 304 and self.copy is not None:  # noqa: PLR2004 - HTTP's own number
                self._note(FRESH_SECONDS)
                return
            problem = _problem(reply)
            if problem is None:
                self._keep(url, reply)
                return
            errors.append(problem)
        what = "the copy in memory is served on" if self.copy else "pages go without it"
        # Said once, until it is there again.
        logger.log(
            logging.DEBUG if self._good_for == RETRY_SECONDS else logging.WARNING,
            "FirstPromoter's script could not be fetched (%s): %s, next try in %d s.",
            ", ".join(errors),
            what,
            RETRY_SECONDS,
        )
        self._note(RETRY_SECONDS)

    def _keep(self, url: str, reply: Reply) -> None:
        if _MARK not in reply.body:
            logger.warning(
                "%s does not read %s: it may call FirstPromoter itself, past FPROM_SCRIPT_PROXY.",
                url,
                _MARK.decode(),
            )
        headers = {name.lower(): value.decode("latin-1") for name, value in reply.headers}
        etag = headers.get(b"etag", "")
        self._url, self._etag = url, etag if etag.isascii() and etag.isprintable() else ""
        self.copy = Copy.of(reply.body)
        self._note(FRESH_SECONDS)

    def _note(self, good_for: float) -> None:
        self._looked_at, self._good_for = self._clock(), good_for


def _problem(reply: Reply) -> str | None:
    if reply.status != 200:  # noqa: PLR2004 - HTTP's own number
        return reply.error or f"HTTP status {reply.status}"
    headers = {name.lower(): value.lower() for name, value in reply.headers}
    if not reply.body or b"text/html" in headers.get(b"content-type", b""):
        return "an answer that is no script"
    return None
