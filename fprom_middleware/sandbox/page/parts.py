"""The parts of the page beside its list; each is written anew when something has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..currencies import format_amount
from ..trouble import AS_USUAL
from .cells import copyable, escape, ident, moment
from .findings import judge_address
from .setup import read_settings, write_settings, write_snippet
from .summary import sum_up_promoters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ..double import FirstPromoterDouble
    from .summary import PromoterSummary

PROMOTERS: Final = 50
VISITS: Final = 20
LINKS: Final = ("anna", "bea", "carl")
ANSWERS: Final = {
    AS_USUAL: "200",
    "404": "404",
    "422": "422",
    "429": "429",
    "500": "500",
    "slow": "slow",
    "nothing": "nothing",
}
"""What the next calls can be answered with by one click; the API takes more."""
ENV_FILE: Final = (
    '<p class="dim">The package reads the environment, and no file: python-dotenv, '
    "<code>uvicorn --env-file .env</code> or a container reads this one into it.</p>"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sandbox and the app are.

    Attributes:
        base_url: The sandbox's address.
        api_url: Its API's.
        app_url: The app's, as far as its pages have called; else a guess.
    """

    base_url: str
    api_url: str
    app_url: str


def write_parts(double: FirstPromoterDouble, place: Place, now: datetime) -> Mapping[str, str]:
    """Write the parts.

    Args:
        double: What arrived.
        place: Where it did.
        now: The present.

    Returns:
        HTML by the id of its element.
    """
    attempts, clicks, events = double.attempts, double.clicks, double.event_count
    promoters = sum_up_promoters(double.histories)
    arrived = len(attempts) + len(clicks)
    return {
        "notices": _notices(double, place),
        "steps": _steps(double, clicked=bool(clicks), called=bool(attempts)),
        "trouble": _trouble(double),
        "now": "" if double.trouble is None else f"Now: {escape(double.trouble.words)}",
        "count": " · ".join(
            [
                _count(events, "event"),
                *([_count(len(attempts), "call")] if len(attempts) > events else []),
                _count(len(clicks), "visit"),
            ]
        ),
        "clear": _clear(arrived, double.can_undo),
        "promoters": _promoters(promoters[:PROMOTERS], double.currency),
        "visits": _visits(double, now),
        "links": _links(place.app_url),
    }


def write_setup(double: FirstPromoterDouble, place: Place) -> str:
    """Write what to paste.

    Args:
        double: Whose account it is.
        place: Where it stands.

    Returns:
        HTML.
    """
    ways = write_settings(read_settings(double, place.api_url))
    settings = "".join(
        f'<details name="way" class="way"{" open" if name == ".env" else ""}>'
        f"<summary>{name}</summary>{copyable(f'the settings for {name}', text)}"
        f"{ENV_FILE if name == '.env' else ''}</details>"
        for name, text in ways.items()
    )
    script = copyable("the script tag", write_snippet(double, place.base_url))
    return (
        f"<h3>1. The settings of your app</h3>{settings}"
        "<h3>2. The script on your pages</h3><p>Where your templates call "
        f"<code>fprom_script()</code> it is there already.</p>{script}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _notices(double: FirstPromoterDouble, place: Place) -> str:
    lines = [
        f"<p>⚠ {_count(count, 'call')} came for the account "
        f"<b>{escape(account)}</b>, not <b>{escape(double.account_id)}</b>: another app uses "
        f"{escape(place.base_url)}, or FPROM_ACCOUNT_ID is wrong.</p>"
        for account, count in double.accounts.items()
    ]
    lines += [
        f"<p>⚠ {_count(count, 'call')} came at <b>{escape(path)}</b>, where nothing is: "
        f"FPROM_BASE_URL is to be <b>{escape(place.api_url)}</b>.</p>"
        for path, count in double.strays.items()
    ]
    return "".join(lines)


def _steps(double: FirstPromoterDouble, *, clicked: bool, called: bool) -> str:
    if called:
        return ""
    link = "Follow a referral link to your app"
    last = (
        f"<s>{link}</s> ✓ a visit has arrived: register there"
        if clicked
        else f"{link}, and register"
    )
    return (
        f"<p><b>Nothing has arrived yet for {escape(double.account_id)}.</b> "
        f"1. Paste the settings. 2. Put the script on your pages. 3. {last}. "
        "Or let made-up data show you the way:</p>"
    )


def _trouble(double: FirstPromoterDouble) -> str:
    trouble = double.trouble
    pressed = AS_USUAL if trouble is None else trouble.answer
    buttons = "".join(
        f'<button name="answer" value="{value}" id="answer-{value}" '
        f'aria-pressed="{"true" if value == pressed else "false"}">{name}</button>'
        for value, name in ANSWERS.items()
    )
    return f'<div class="choices">{buttons}</div>'


def _clear(arrived: int, undoable: int) -> str:
    if undoable:
        return (
            '<form method="post" action="/undo"><span>Cleared.</span> '
            f'<button id="undo" class="quiet">Undo, bring back {undoable}</button></form>'
        )
    off = "" if arrived else " disabled"
    return (
        '<form method="post" action="/reset">'
        f'<button id="reset" class="quiet"{off}>Clear {arrived}</button></form>'
    )


def _promoters(promoters: Sequence[PromoterSummary], currency: str) -> str:
    if not promoters:
        return '<p class="dim">Each promoter who brought a lead, and what is earned by it.</p>'
    rows = "".join(
        f'<tr><th scope="row">{escape(one.ref_id)}</th>'
        f'<td data-name="leads">{one.leads}</td><td data-name="sales">{one.sales}</td>'
        f'<td data-name="refunds">{one.refunds}</td>'
        f'<td data-name="net sales">{escape(format_amount(one.net, currency))}</td>'
        f'<td data-name="commission">{escape(format_amount(one.commission, currency))}</td></tr>'
        for one in promoters
    )
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("promoter", "leads", "sales", "refunds", "net sales", "commission")
    )
    return f'<table class="sums"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _visits(double: FirstPromoterDouble, now: datetime) -> str:
    clicks = double.clicks[: -VISITS - 1 : -1]
    if not clicks:
        return '<p class="dim">Each visit by a referral link, with the tid it was given.</p>'
    rows = []
    for click in clicks:
        address = ""
        if click.ip:
            address = f"from {escape(click.ip)} ({judge_address(click.ip)[0]})"
        rows.append(
            f"<li>{moment(click.created_at, now)} <b>{escape(click.ref_id)}</b> "
            f"{ident(click.tid)} <span>{address}</span></li>"
        )
    return f'<ul class="visits">{"".join(rows)}</ul>'


def _links(app_url: str) -> str:
    return " ".join(
        f'<a href="{escape(url)}" target="_blank" rel="noreferrer">{escape(url)}</a>'
        for url in (f"{app_url}/?fpr={quote(ref)}" for ref in LINKS)
    )
