"""How each field of a call was judged, in words for the developer who sent it."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from ..calls import SHAPES
from ..currencies import format_amount
from ..decisions import REPEATED_EVENT, REPEATED_LEAD
from ..fields import BadCallError, read_object
from ..received import Kind
from ..tids import is_sandbox_tid
from .outcomes import Look
from .words import duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..records import Attempt, Click

ON_TIME: Final = timedelta(seconds=60)
"""A sign-up that arrives later was held up."""
_LONG: Final = 20
"""Digits, more than any amount has."""
_FORMER: Final = (
    "from before the restart or the clearing: delete your site's cookies _fprom_tid and "
    "_fprom_ref, then follow the link again"
)
_NO_ADDRESS: Final = (
    "not sent: the visitor's address was not public (on your own machine: loopback), or a proxy "
    "in front is not in FPROM_TRUSTED_PROXIES"
)
_SKEW: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is said of one field.

    Attributes:
        name: The field.
        value: As it was sent; None where it was not.
        words: The judgement; blank where there is nothing to say.
        look: What it means.
    """

    name: str
    value: str | None
    words: str = ""
    look: Look = Look.NEUTRAL


def read_sent(attempt: Attempt) -> dict[str, Any]:
    """Read the fields of a call.

    Args:
        attempt: The call.

    Returns:
        Its fields; none where the body was no object, or too long to be kept whole.
    """
    try:
        return read_object(attempt.sent.encode())
    except (BadCallError, UnicodeEncodeError):
        return {}


def judge_fields(
    attempt: Attempt, sent: Mapping[str, Any], click: Click | None, currency: str
) -> list[Finding]:
    """Judge every field that was sent, and the address that was not.

    Args:
        attempt: The call.
        sent: Its fields.
        click: The click of its tid, where one is known by now.
        currency: The account's.

    Returns:
        A finding for each, in the order of the call.
    """
    findings = []
    for name, value in sent.items():
        text = value if isinstance(value, str) else _as_json(value)
        if name not in SHAPES[attempt.kind].fields:
            words, look = "not a field of this call, passed over", Look.AGAIN
        elif name == "tid":
            words, look = _judge_tid(text, attempt, click)
        else:
            words, look = _judge(name, text, attempt, sent)
        if name == _repeated_field(attempt, sent):
            words, look = f"a repeat: {attempt.note}", Look.DELIVERED
        if name == "amount" and text.isascii() and text.isdigit() and len(text) < _LONG:
            words = format_amount(int(text), str(sent.get("currency") or currency))
        findings.append(Finding(name, text, words, look))
    if attempt.kind is Kind.SIGNUP and sent and sent.get("ip") is None:
        findings.append(Finding("ip", None, _NO_ADDRESS))
    return findings


def _judge(name: str, text: str, attempt: Attempt, sent: Mapping[str, Any]) -> tuple[str, Look]:
    match name:
        case "ref_id":
            return "the tid decides" if sent.get(
                "tid"
            ) else "taken, as no tid is named", Look.NEUTRAL
        case "ip":
            return judge_address(text)
        case "created_at":
            return _judge_moment(text, attempt.at)
        case _:
            return "", Look.NEUTRAL


def _repeated_field(attempt: Attempt, sent: Mapping[str, Any]) -> str | None:
    """Name the field by which a call was known again."""
    if attempt.note == REPEATED_EVENT:
        return "event_id"
    if attempt.note == REPEATED_LEAD:
        return "email" if sent.get("email") else "uid"
    return None


def _judge_tid(tid: str, attempt: Attempt, click: Click | None) -> tuple[str, Look]:
    if click is None:
        if is_sandbox_tid(tid):
            return _FORMER, Look.ACT
        return "unknown: no click here was given it", Look.ACT
    if click.created_at > attempt.at:
        late = duration(click.created_at - attempt.at)
        return f"known, but its click came {late} after this call", Look.AGAIN
    before = duration(attempt.at - click.created_at)
    return f"known: a click on {click.ref_id}'s link, {before} before", Look.DELIVERED


def judge_address(text: str) -> tuple[str, Look]:
    """Say what kind of address one is.

    Args:
        text: What stands in its place.

    Returns:
        Words and what they mean.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "not an address", Look.ACT
    if address.is_loopback:
        return "loopback, not sent by default", Look.AGAIN
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return "of no visitor", Look.ACT
    documentation = any(
        address in ipaddress.ip_network(block)
        for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    )
    if documentation:
        return "public (of documentation)", Look.DELIVERED
    if not address.is_global:
        return "private, not sent by default", Look.AGAIN
    return "public", Look.DELIVERED


def _judge_moment(text: str, arrived: datetime) -> tuple[str, Look]:
    try:
        moment = datetime.fromisoformat(text)
        late = arrived - moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, OverflowError):
        return "not an ISO 8601 date", Look.ACT
    if late < -_SKEW:
        return f"{duration(-late)} in the future: look at the clock", Look.ACT
    if late > ON_TIME:
        return f"late: it arrived {duration(late)} after the sign-up", Look.AGAIN
    return (
        f"on time: it arrived {duration(max(late, timedelta()))} after the sign-up",
        Look.DELIVERED,
    )


def _as_json(value: object) -> str:
    try:
        return json.dumps(value)
    except RecursionError:
        return "…"
