"""One event of the list: a line to look at, and what it opens to."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from ...masking import printable
from ..currencies import format_amount
from ..received import Kind
from .cells import copyable, escape, folded, ident, moment
from .findings import judge_address, judge_fields, read_sent
from .outcomes import MARKS, Look, judge_outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..double import FirstPromoterDouble
    from ..groups import Group
    from ..records import Attempt, Click
    from .findings import Finding
    from .outcomes import Outcome

NAMES: Final = {
    Kind.SIGNUP: "sign-up",
    Kind.SALE: "sale",
    Kind.REFUND: "refund",
    Kind.CANCELLATION: "cancellation",
}
TRIES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Story:
    """An event with what is known of it.

    Attributes:
        group: Its calls.
        sent: The fields of the newest one.
        click: The click of its tid.
        email: Whom it is about.
        uid: Likewise.
        promoter: Whose it is; None where that is not known.
        outcome: What became of it.
    """

    group: Group
    sent: Mapping[str, Any]
    click: Click | None
    email: str | None
    uid: str | None
    promoter: str | None
    outcome: Outcome


def tell(group: Group, double: FirstPromoterDouble) -> Story:
    """Find what is known of an event.

    Args:
        group: Its calls.
        double: Who keeps the rest.

    Returns:
        The story.
    """
    last = group.last
    sent = read_sent(last)
    tid, ref_id = sent.get("tid"), sent.get("ref_id")
    taken = next((one for one in group.attempts if one.lead or one.event), last)
    lead = taken.event.customer if taken.event is not None else taken.lead
    email = lead.email if lead else last.email
    uid = lead.uid if lead else last.uid
    known = lead or double.find_lead(email, uid)
    click = double.find_click(tid) if isinstance(tid, str) else None
    promoter = known.promoter if known else click.ref_id if click else None
    if promoter is None and isinstance(ref_id, str) and not tid:
        promoter = ref_id
    outcome = judge_outcome(last.kind, last.status, tries=len(group.attempts), has_tid=bool(tid))
    return Story(group, sent, click, email, uid, promoter, outcome)


def write_row(story: Story, double: FirstPromoterDouble, now: datetime, api_url: str) -> str:
    """Write an event.

    Args:
        story: What is known of it.
        double: Whose account it is.
        now: The present.
        api_url: Where its calls went, for curl.

    Returns:
        A list item.
    """
    group, look = story.group, story.outcome.look
    return (
        f'<li class="row {look}" id="call-{group.number}"><details><summary>'
        f'<span class="when">{moment(group.last.at, now)}</span>'
        f'<span class="who">{_who(story)} <span class="kind">{_kind(story, double.currency)}'
        "</span></span>"
        f'<span class="promoter">{escape(story.promoter)}</span>'
        f'<span class="address">{_address(story)}</span>'
        f'<span class="outcome {look}"><b aria-hidden="true">{MARKS[look]}</b> {_result(story)}'
        "</span></summary>"
        f'<div class="body">{_click(story, now)}{_request(story, double, api_url)}'
        f"{_answer(story, now)}</div></details></li>"
    )


def _who(story: Story) -> str:
    if story.email is not None:
        # A line may end after the @, and inside a name only where there is no room for it.
        return f'<span class="email">{escape(story.email).replace("@", "@<wbr>")}</span>'
    if story.uid is not None:
        return f'<span class="email">uid {escape(story.uid)}</span>'
    return '<span class="email">not readable</span>'


def _kind(story: Story, currency: str) -> str:
    name = NAMES[story.group.last.kind]
    amount = story.sent.get("amount")
    digits = str(amount) if isinstance(amount, int | str) and not isinstance(amount, bool) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) < TRIES_SHOWN * 2):
        return name
    return (
        f"{name} {escape(format_amount(int(digits), str(story.sent.get('currency') or currency)))}"
    )


def _address(story: Story) -> str:
    if story.group.last.kind is not Kind.SIGNUP:
        return ""
    ip = story.sent.get("ip")
    if not isinstance(ip, str):
        return '<span class="dim">no address sent</span>'
    words, look = judge_address(ip)
    return escape(ip) if look is Look.DELIVERED else f"{escape(ip)} <small>({words})</small>"


def _result(story: Story) -> str:
    runs = [(status, len([*run])) for status, run in groupby(_statuses(story))]
    *before, last = [_times(status, count) for status, count in runs]
    after = f" <small>after {', '.join(before[-3:])}</small>" if before else ""
    return f"<span>{last} {story.outcome.words}{after}</span>"


def _statuses(story: Story) -> list[int]:
    return [attempt.status for attempt in story.group.attempts]


def _times(status: int, count: int) -> str:
    name = f"{status}" if status else "none"
    return name if count == 1 else f"{name} &times; {count}"


def _click(story: Story, now: datetime) -> str:
    click = story.click
    if click is not None:
        words, _ = judge_address(click.ip) if click.ip else ("", None)
        where = f" from {escape(click.ip)} ({words})" if click.ip else ""
        text = (
            f"{moment(click.created_at, now)} on the link of <b>{escape(click.ref_id)}</b>{where}, "
            f"tid {ident(click.tid)}"
        )
    elif story.sent.get("tid"):
        text = "No click that is known here was given this tid."
    elif story.group.last.kind is Kind.SIGNUP:
        text = "None: the call names no tid."
    else:
        text = "The customer&rsquo;s: see the sign-up."
    # Not a paragraph: an id that unfolds may not stand in one.
    return f"<section><h3>Click</h3><div>{text}</div></section>"


def _request(story: Story, double: FirstPromoterDouble, api_url: str) -> str:
    last = story.group.last
    findings = judge_fields(last, story.sent, story.click, double.currency)
    rows = "".join(map(_finding, findings))
    table = (
        '<table class="fields"><tr><th scope="col">field</th><th scope="col">value</th>'
        f'<th scope="col">judged</th></tr>{rows}</table>'
        if rows
        else "<p>The body is no JSON object.</p>"
    )
    account = (
        f'<p class="act">It names the account <b>{escape(last.account)}</b>, '
        f"not <b>{escape(double.account_id)}</b>.</p>"
        if last.account
        else ""
    )
    raw = folded("As it came", copyable("the request", last.sent))
    curl = folded("As curl", copyable("the call as curl", write_curl(last, double, api_url)))
    path = f"POST {escape(api_url)}{last.path}"
    return f"<section><h3>Request <small>{path}</small></h3>{account}{table}{raw}{curl}</section>"


def _finding(finding: Finding) -> str:
    value = ident(finding.value) if finding.name == "tid" else escape(finding.value)
    mark = f'<b aria-hidden="true">{MARKS[finding.look]}</b> ' if finding.words else ""
    return (
        f'<tr><th scope="row">{escape(finding.name)}</th><td class="value">{value}</td>'
        f'<td class="{finding.look}">{mark}{escape(finding.words)}</td></tr>'
    )


def _answer(story: Story, now: datetime) -> str:
    attempts = story.group.attempts
    tries = "".join(
        f"<li>{moment(one.at, now)}: <b>{one.status or 'no answer'}</b> {escape(one.note)}</li>"
        for one in islice(reversed(attempts), TRIES_SHOWN)
    )
    more = len(attempts) - TRIES_SHOWN
    before = f"<li>and {more} before</li>" if more > 0 else ""
    body = attempts[-1].answer
    raw = folded("As it went out", copyable("the answer", body)) if body else ""
    return f'<section><h3>Answer</h3><ul class="tries">{tries}{before}</ul>{raw}</section>'


def write_curl(attempt: Attempt, double: FirstPromoterDouble, api_url: str) -> str:
    """Write a call as a command that makes it again.

    Args:
        attempt: The call; what was not kept of its body is missing.
        double: Whose credentials it gets.
        api_url: Where it went.

    Returns:
        A command for a POSIX shell.
    """
    try:
        body = json.dumps(json.loads(attempt.sent))
    except (ValueError, RecursionError):
        body = printable(attempt.sent)
    headers = (
        f"Authorization: Bearer {double.api_key}",
        f"Account-ID: {double.account_id}",
        "Content-Type: application/json",
    )
    lines = [f"curl -i {shlex.quote(f'{api_url}{attempt.path}')}"]
    lines += [f"  -H {shlex.quote(printable(header))}" for header in headers]
    lines.append(f"  -d {shlex.quote(body)}")
    return " \\\n".join(lines)
