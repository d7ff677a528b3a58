"""The page that shows what arrived: plain HTML, every value escaped."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final, TypeVar

from ..masking import printable
from . import cells
from .currencies import format_amount
from .received import ReceivedCancellation
from .records import iso
from .summary import sum_up_customers, sum_up_promoters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .double import FirstPromoterDouble
    from .received import Received, ReceivedLead
    from .records import Attempt, Click
    from .summary import CustomerSummary, PromoterSummary

_Record = TypeVar("_Record")

ROWS: Final = 200
"""How many of each kind are shown; /state.json has them all."""

EVENTS: Final = 20
"""How many of one customer's are shown."""

SNIPPET: Final = """\
<script>
(function (w) {
  w.fpr = w.fpr || function () { (w.fpr.q = w.fpr.q || []).push(arguments); };
})(window);
fpr("init", {cid: %s});
fpr("click");
</script>
<script src="%s/fpr.js" async></script>"""


def render_page(double: FirstPromoterDouble, *, base_url: str, api_url: str) -> str:
    """Write the page.

    Args:
        double: What arrived.
        base_url: Where the script is found.
        api_url: What belongs into FPROM_BASE_URL.

    Returns:
        The whole HTML document.
    """
    clicks, histories, attempts = double.clicks, double.histories, double.attempts
    leads = [lead for lead, _ in histories]
    customers, promoters = sum_up_customers(histories), sum_up_promoters(histories)
    sales = sum(promoter.sales for promoter in promoters)
    settings = (
        f"FPROM_BASE_URL={api_url}\n"
        f"FPROM_API_KEY={printable(double.api_key)}\n"
        f"FPROM_ACCOUNT_ID={printable(double.account_id)}"
    )
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=f"leads {len(leads)}, clicks {len(clicks)}, sales {sales} · FirstPromoter sandbox",
        settings=html.escape(settings),
        snippet=html.escape(SNIPPET % (json.dumps(double.account_id), base_url)),
        promoter_count=len(promoters),
        promoters=_promoters(promoters[:ROWS], double.currency),
        customer_count=len(customers),
        customers=_customers(customers[:ROWS], double.currency),
        lead_count=len(leads),
        leads=_leads(_newest(leads)),
        click_count=len(clicks),
        clicks=_clicks(_newest(clicks)),
        attempt_count=len(attempts),
        attempts=_attempts(_newest(attempts)),
    )


def _newest(records: Sequence[_Record]) -> Sequence[_Record]:
    return records[: -ROWS - 1 : -1]


def _promoters(promoters: Sequence[PromoterSummary], currency: str) -> str:
    return cells.table(
        ("promoter", "leads", "sales", "refunds", "net sales", "commission"),
        (
            (
                cells.text(promoter.ref_id),
                cells.count(promoter.leads),
                cells.count(promoter.sales),
                cells.count(promoter.refunds),
                cells.amount(promoter.net, currency),
                cells.amount(promoter.commission, currency),
            )
            for promoter in promoters
        ),
        empty="None yet. The promoter of a lead stands here, with what the lead's sales earn.",
    )


def _customers(customers: Sequence[CustomerSummary], currency: str) -> str:
    return cells.table(
        ("e-mail", "uid", "promoter", "what they did", "net sales", "commission"),
        (
            (
                cells.text(customer.lead.email),
                cells.text(customer.lead.uid),
                cells.text(customer.lead.promoter),
                _events(customer, currency),
                cells.amount(customer.net, currency),
                cells.amount(customer.commission, currency),
            )
            for customer in customers
        ),
        empty="None yet. A lead is a customer with its first sale.",
    )


def _events(customer: CustomerSummary, currency: str) -> str:
    lines = [_event(event, currency) for event in customer.events[:EVENTS]]
    if customer.cancelled:
        lines.insert(0, '<span class="cancelled">cancelled</span>')
    more = len(customer.events) - EVENTS
    if more > 0:
        lines.append(f"and {more} before")
    return f"<td>{'<br>'.join(lines)}</td>"


def _event(event: Received, currency: str) -> str:
    moment = f'<span class="time">{iso(event.received_at)}</span> {event.kind}'
    if isinstance(event, ReceivedCancellation):
        return moment
    sign = -1 if event.account_amount < 0 else 1
    sent = format_amount(sign * event.amount, event.currency or currency)
    counted = format_amount(event.account_amount, currency)
    amount = sent if sent == counted else f"{sent} = {counted}"
    return (
        f'{moment} {cells.escape(amount)} <span class="code">{cells.escape(event.event_id)}</span>'
    )


def _leads(leads: Sequence[ReceivedLead]) -> str:
    return cells.table(
        ("signed up", "e-mail", "uid", "promoter", "tid", "ref_id sent", "ip"),
        (
            (
                cells.time(lead.created_at),
                cells.text(lead.email),
                cells.text(lead.uid),
                cells.text(lead.promoter),
                cells.ident(lead.tid),
                cells.text(lead.ref_id),
                cells.ident(lead.ip),
            )
            for lead in leads
        ),
        empty="None yet. Register in your app after a visit by a referral link.",
    )


def _clicks(clicks: Sequence[Click]) -> str:
    return cells.table(
        ("clicked", "ref", "tid", "ip"),
        (
            (
                cells.time(click.created_at),
                cells.text(click.ref_id),
                cells.ident(click.tid),
                cells.ident(click.ip),
            )
            for click in clicks
        ),
        empty="None yet. Open your app's page with ?fpr=anna at the end of its address.",
    )


def _attempts(attempts: Sequence[Attempt]) -> str:
    return cells.table(
        ("arrived", "call", "status", "why", "sent", "answer"),
        (
            (
                cells.time(attempt.at),
                cells.text(attempt.kind),
                cells.status(attempt.status),
                cells.text(attempt.note),
                cells.code(attempt.sent),
                cells.code(attempt.answer),
            )
            for attempt in attempts
        ),
        empty="None yet. Refused calls are listed here too.",
    )
