"""The page as a whole: readable without a script, live with it."""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from .cells import escape
from .outcomes import Look
from .parts import write_parts, write_setup
from .rows import NAMES, tell, write_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ..double import FirstPromoterDouble
    from ..groups import Group
    from ..received import Kind
    from .parts import Place
    from .query import Query

ROWS: Final = 200
"""How many events are shown; /state.json has them all."""
LOOKS: Final = {
    Look.DELIVERED: "delivered",
    Look.AGAIN: "comes again",
    Look.ACT: "must be looked at",
    Look.NEUTRAL: "no referral",
}
EMPTY: Final = (
    "No sign-up yet. Open a referral link to your app and register there: the call stands here "
    "within a second, also where it was refused.\n"
    "Registered, and nothing here? Then your page has no _fprom_tid cookie: is the script on the "
    "page, and did you open the link with ?fpr=anna?"
)
EMPTY_BY_QUERY: Final = "No event matches; clear the search."
_ASSETS: Final = {"page.css": "text/css", "page.js": "text/javascript"}


def read_asset(name: str) -> tuple[str, str]:
    """Read what the page loads.

    Args:
        name: One of its two files.

    Returns:
        Its text and its media type.

    Raises:
        KeyError: It is no file of the page.
    """
    return files(__package__).joinpath(name).read_text(encoding="utf-8"), _ASSETS[name]


def write_rows(
    groups: Sequence[Group], double: FirstPromoterDouble, place: Place, now: datetime
) -> list[str]:
    """Write events of the list.

    Args:
        groups: Their calls.
        double: Who kept them.
        place: Where they came.
        now: The present.

    Returns:
        List items, in the same order.
    """
    return [write_row(tell(group, double), double, now, place.api_url) for group in groups]


def write_title(double: FirstPromoterDouble) -> str:
    """Write the page's title.

    Args:
        double: What arrived.

    Returns:
        Plain text with the counts that a tab should show.
    """
    return f"{len(double.leads)} leads, {len(double.sales)} sales · FirstPromoter sandbox"


def write_page(double: FirstPromoterDouble, place: Place, query: Query, now: datetime) -> str:
    """Write the page.

    Args:
        double: What arrived.
        place: Where it did.
        query: What is asked for.
        now: The present.

    Returns:
        The whole HTML document.
    """
    groups = double.groups(ROWS, wanted=query.matches if query else None)
    parts = write_parts(double, place, now)
    template = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    newest = groups[0].last.number if groups else 0
    some = len(groups) < double.event_count
    return Template(template).substitute(
        parts,
        title=escape(write_title(double)),
        account=escape(double.account_id),
        setup=write_setup(double, place),
        setup_open="" if double.attempts else " open",
        app_url=escape(place.app_url),
        shown=f"{len(groups)} of " if some else "",
        query=escape(query.text),
        empty=EMPTY_BY_QUERY if query else EMPTY,
        empty_all=EMPTY,
        empty_some=EMPTY_BY_QUERY,
        kinds=_options(NAMES, query.kind),
        looks=_options(LOOKS, query.look),
        stream=escape(f"{double.books}:{newest}"),
        rows="\n".join(write_rows(groups, double, place, now)),
    )


def _options(names: Mapping[Kind, str] | Mapping[Look, str], chosen: str) -> str:
    return "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}>{name}</option>'
        for value, name in names.items()
    )
