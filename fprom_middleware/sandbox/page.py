"""The page that shows what arrived: plain HTML, every value escaped."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final, TypeVar

from ..masking import printable
from .records import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .double import FirstPromoterDouble

_Record = TypeVar("_Record")

ROWS: Final = 200
"""How many of each kind are shown; /state.json has them all."""

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
    clicks, leads, attempts = double.clicks, double.leads, double.attempts
    settings = (
        f"FPROM_BASE_URL={api_url}\n"
        f"FPROM_API_KEY={printable(double.api_key)}\n"
        f"FPROM_ACCOUNT_ID={printable(double.account_id)}"
    )
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        title=f"leads {len(leads)}, clicks {len(clicks)} · FirstPromoter sandbox",
        settings=html.escape(settings),
        snippet=html.escape(SNIPPET % (json.dumps(double.account_id), base_url)),
        lead_count=len(leads),
        leads=_table(
            ("signed up", "e-mail", "uid", "promoter", "tid", "ref_id sent", "ip"),
            (
                (
                    _time(iso(lead.created_at)),
                    _text(lead.email),
                    _text(lead.uid),
                    _text(lead.promoter),
                    _id(lead.tid),
                    _text(lead.ref_id),
                    _id(lead.ip),
                )
                for lead in _newest(leads)
            ),
            empty="None yet. Register in your app after a visit by a referral link.",
        ),
        click_count=len(clicks),
        clicks=_table(
            ("clicked", "ref", "tid", "ip"),
            (
                (
                    _time(iso(click.created_at)),
                    _text(click.ref_id),
                    _id(click.tid),
                    _id(click.ip),
                )
                for click in _newest(clicks)
            ),
            empty="None yet. Open your app's page with ?fpr=anna at the end of its address.",
        ),
        attempt_count=len(attempts),
        attempts=_table(
            ("arrived", "status", "why", "sent", "answer"),
            (
                (
                    _time(iso(attempt.at)),
                    _status(attempt.status),
                    _text(attempt.note),
                    _code(attempt.sent),
                    _code(attempt.answer),
                )
                for attempt in _newest(attempts)
            ),
            empty="None yet. Refused calls are listed here too.",
        ),
    )


def _newest(records: Sequence[_Record]) -> Sequence[_Record]:
    return records[: -ROWS - 1 : -1]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], *, empty: str) -> str:
    body = "\n".join(f"<tr>{''.join(cells)}</tr>" for cells in rows)
    if not body:
        return f'<p class="empty">{empty}</p>'
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def _text(value: str | None) -> str:
    return f"<td>{_escape(value)}</td>"


def _code(value: str | None) -> str:
    return f'<td class="code">{_escape(value)}</td>'


def _id(value: str | None) -> str:
    return f'<td class="id">{_escape(value)}</td>'


def _time(value: str) -> str:
    return f'<td class="time">{_escape(value)}</td>'


def _status(status: int) -> str:
    look = {200: "ok", 422: "again"}.get(status, "bad")
    return f'<td><span class="status {look}">{status}</span></td>'


def _escape(value: str | None) -> str:
    return "—" if value is None else html.escape(printable(value))
