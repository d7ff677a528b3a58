"""One test lead to the configured API, and what its answer means to a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ..api.client import TrackingApi
from ..events.lead import Lead
from ..events.receipt import Reason, Status

if TYPE_CHECKING:
    from ..account import Fprom
    from ..api.protocol import Outcome

EMAIL: Final = "fprom-check@example.com"
"""A made-up address: example.com is reserved for documentation."""
TID: Final = "00000000-0000-4000-8000-000000000000"

_ADVICE: Final = {
    Status.SENT: "the API took the lead. Delete it on FirstPromoter's dashboard.",
    Status.DUPLICATE: "the API has this lead already: credentials and connection are right.",
    Reason.BAD_REQUEST: "the API refuses this e-mail. Pass another one with --email.",
    Reason.UNKNOWN_VISITOR: (
        "the API was reached and the key is right, but it knows no visitor with this tid. Open a "
        "referral link in a browser and pass the value of its cookie _fprom_tid: --tid VALUE"
    ),
    Reason.UNAUTHORIZED: (
        "check FPROM_API_KEY and FPROM_ACCOUNT_ID (FirstPromoter's dashboard, Settings, "
        "Integrations)."
    ),
    Reason.RATE_LIMITED: "too many calls in the last minute. Try again in a minute.",
    Reason.SERVER_ERROR: "FirstPromoter has a problem. Try again later; leads wait until then.",
    Reason.NETWORK: (
        "no answer. Check outgoing HTTPS, name resolution, HTTPS_PROXY and FPROM_BASE_URL."
    ),
    Reason.LOCAL: (
        "this machine cannot make the call. Check SSL_CERT_FILE and the system's certificates, "
        "HTTPS_PROXY and, for SOCKS, httpx's extra `socks`."
    ),
    Reason.UNREADABLE: "this is not the API's answer. Check FPROM_BASE_URL.",
    Reason.UNEXPECTED: "the API's documentation does not know this answer. Check FPROM_BASE_URL.",
}


def send_test_lead(fprom: Fprom, email: str, tid: str) -> Outcome:
    """Send one lead at once, past outbox and pause.

    Args:
        fprom: Whose account.
        email: A made-up address.
        tid: A visitor id, best one that FirstPromoter knows.

    Returns:
        What it came to.
    """
    api = TrackingApi(fprom.settings, clock=fprom.clock)
    try:
        moment = datetime.fromtimestamp(fprom.clock(), UTC)
        return api.send(Lead(email=email, tid=tid, created_at=moment))
    finally:
        api.close()


def explain(outcome: Outcome) -> str:
    """Say what an answer means, and what to do about it."""
    advice = _ADVICE[outcome.reason or outcome.status]
    return advice if outcome.error is None else f"{outcome.error}: {advice}"


def key_is_right(outcome: Outcome) -> bool:
    """Say whether the API has let the call in: it has the lead now, or does not know its tid."""
    arrived = outcome.status in {Status.SENT, Status.DUPLICATE}
    return arrived or outcome.reason is Reason.UNKNOWN_VISITOR
