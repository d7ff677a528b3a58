"""One call of the Tracking API as pure functions: what is sent, and what an answer means."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from ..events.event import Kind
from ..events.receipt import Reason, Status
from ..timestamps import as_utc

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..events.kinds import AnyEvent
    from ..settings.model import FpromSettings

MAX_ANSWER: Final = 65_536
"""Bytes of an answer's body that are read; the documented ones are under 1,000."""
MAX_RETRY_AFTER: Final = 3600.0
"""Seconds. A longer Retry-After is cut to this."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to the Tracking API.

    Attributes:
        url: Where it goes.
        headers: Both credentials among them: never to be logged.
        body: JSON.
    """

    url: str
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Call({self.url})"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to.

    Attributes:
        status: ``sent``, ``duplicate``, ``skipped`` (no referral's customer), ``rejected``, or
            ``failed``: not delivered, may be tried again.
        reason: Why, where it is not plain success.
        retry_after: Seconds that the API asked to wait, from 0 to `MAX_RETRY_AFTER`; None
            where it asked for nothing.
        code: The HTTP status, None where no answer came.
        early: True where the API may only not know the visitor yet.
        error: Where no answer came, the name of the error's type.
    """

    status: Status
    reason: Reason | None = None
    retry_after: float | None = None
    code: int | None = None
    early: bool = False
    error: str | None = field(default=None, compare=False)

    @property
    def needs_operator(self) -> bool:
        """True where it fails until a person changes something."""
        return self.reason in {Reason.UNAUTHORIZED, Reason.UNEXPECTED, Reason.LOCAL}

    def __str__(self) -> str:
        """Say in words what happened, and what to look at; nothing of the event or the key."""
        match self.reason:
            case Reason.UNAUTHORIZED:
                advice = "check FPROM_API_KEY and FPROM_ACCOUNT_ID"
            case Reason.UNEXPECTED:
                advice = "check FPROM_BASE_URL"
            case Reason.LOCAL:
                advice = "check this machine's TLS files and proxy settings"
            case _:
                advice = ""
        what = f"HTTP status {self.code}" if self.code else self.error or "no answer"
        text = f"{self.reason or self.status}, {what}"
        return f"{text}: {advice}" if advice else text


def build_call(settings: FpromSettings, event: AnyEvent) -> Call:
    """Build the call that reports one event.

    Args:
        settings: Base URL and credentials.
        event: The event; its kind is the call's name.

    Returns:
        The call; a field without a value is absent from its body.
    """
    return Call(
        url=f"{settings.base_url}/{event.kind}",
        headers={
            "Authorization": f"Bearer {settings.api_key}",
            "Account-ID": str(settings.account_id),
            "Content-Type": "application/json",
            "Accept": "application/json",
            # Answers are small; a compressed one would only be a way to send a huge one.
            "Accept-Encoding": "identity",
        },
        # ASCII escapes carry every text there is, lone surrogates from a form included.
        body=json.dumps(event.to_json()).encode("ascii"),
    )


def read_answer(
    event: AnyEvent,
    code: int,
    body: bytes | None,
    *,
    retry_after: str | None = None,
    now: float = 0.0,
) -> Outcome:
    """Say what an answer means. The status decides.

    Args:
        event: What was reported.
        code: The HTTP status.
        body: The body, or None where it could not be read to its end. It is looked at only for
            being an object: answers to refunds and cancellations hold secrets of promoters.
        retry_after: The Retry-After header.
        now: Seconds since the epoch, for a Retry-After that is a date.

    Returns:
        The outcome.
    """
    status, reason = _read_status(event.kind, code, body)
    if status is not Status.FAILED:
        # The browser reports its click by itself, and may be slower.
        known = event.kind is not Kind.SIGNUP and getattr(event, "tid", None) is None
        early = code == _NOT_FOUND and not known
        return Outcome(status, reason, code=code, early=early)
    return Outcome(status, reason, read_retry_after(retry_after, now=now), code)


_Meaning = tuple[Status, Reason | None]

_NOT_FOUND: Final = 404
# What every call answers alike.
_MEANINGS: Final[Mapping[int, _Meaning]] = {
    200: (Status.SENT, None),
    **dict.fromkeys((400, 413, 414, 431), (Status.REJECTED, Reason.BAD_REQUEST)),
    **dict.fromkeys((401, 403), (Status.FAILED, Reason.UNAUTHORIZED)),
    429: (Status.FAILED, Reason.RATE_LIMITED),
    **dict.fromkeys((408, *range(500, 600)), (Status.FAILED, Reason.SERVER_ERROR)),
}
_PAYMENT_MEANINGS: Final[Mapping[int, _Meaning]] = {
    **dict.fromkeys((204, _NOT_FOUND), (Status.SKIPPED, Reason.NOT_REFERRED)),
    # The event id exists: an earlier try of ours got through.
    409: (Status.DUPLICATE, None),
}
# What each call answers in its own way.
_MEANINGS_OF_KIND: Final[Mapping[Kind, Mapping[int, _Meaning]]] = {
    Kind.SIGNUP: {
        _NOT_FOUND: (Status.REJECTED, Reason.UNKNOWN_VISITOR),
        # The lead already has a sign-up event: likewise.
        422: (Status.DUPLICATE, None),
    },
    **dict.fromkeys((Kind.SALE, Kind.REFUND, Kind.CANCELLATION), _PAYMENT_MEANINGS),
}
# A web server or a firewall before the API answers these, too: it knows no visitors and no keys.
_WITHOUT_OBJECT: Final[Mapping[int, _Meaning]] = {
    200: (Status.FAILED, Reason.UNREADABLE),
    403: (Status.FAILED, Reason.SERVER_ERROR),
    _NOT_FOUND: (Status.FAILED, Reason.UNEXPECTED),
}
_UNKNOWN: Final[_Meaning] = (Status.FAILED, Reason.UNEXPECTED)


def _read_status(kind: Kind, code: int, body: bytes | None) -> _Meaning:
    if code in _WITHOUT_OBJECT and not _is_object(body):
        return _WITHOUT_OBJECT[code]
    return _MEANINGS_OF_KIND[kind].get(code) or _MEANINGS.get(code, _UNKNOWN)


def _is_object(body: bytes | None) -> bool:
    if body is None:
        return False
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def read_retry_after(value: str | None, *, now: float) -> float | None:
    """Read a Retry-After header: seconds, or a date.

    Args:
        value: The header.
        now: Seconds since the epoch.

    Returns:
        Seconds to wait, from 0 to `MAX_RETRY_AFTER`; None where it says neither.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Not int(): that has a limit of its own.
        return min(float(text), MAX_RETRY_AFTER)
    try:
        wait = as_utc(parsedate_to_datetime(text)).timestamp() - now
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER)
