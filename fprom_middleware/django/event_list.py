"""What the admin's list shows: a page that its address names, or the events of one customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..outbox.lookup import explain_nothing, find_of
from .event_filter import EventFilter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..outbox.admin import Inspection, OutboxRow
    from ..outbox.stats import Stats


def list_events(inspection: Inspection, query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of events for the list's template, and what they can be narrowed to.

    Args:
        inspection: The outbox.
        query: The parameters of the address.
    """
    stats, chosen = inspection.stats(), EventFilter.of(query)
    rows, older = chosen.page_of(inspection)
    filters = chosen.choices(paused=stats.paused is not None)
    return _shown(inspection, stats, rows) | {"older": older, "filters": filters}


def find_events(inspection: Inspection, whom: str) -> dict[str, Any]:
    """Return a customer's events for the list's template, the newest first.

    Args:
        inspection: The outbox.
        whom: An e-mail address, or a uid.
    """
    rows = find_of(inspection, whom)[::-1]
    nothing = explain_nothing(inspection.outbox.history.days)
    return _shown(inspection, inspection.stats(), rows) | {"whom": whom, "nothing": nothing}


def _shown(inspection: Inspection, stats: Stats, rows: Sequence[OutboxRow]) -> dict[str, Any]:
    return {"stats": stats, "place": inspection.place, "rows": rows}
