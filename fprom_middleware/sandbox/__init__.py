"""A FirstPromoter on your own machine: tracking API, browser script, and a page of what arrived.

For development and for tests: nothing here runs in production. Start reading in `double`, the
part without a socket: `calls` has the API's calls as a table, `decisions` what becomes of one.
`app` puts it behind HTTP, `command` is ``fprom sandbox``.

May import: masking, and nothing else of the package. Only `cli.main` and tests import it.
"""

from __future__ import annotations

from .double import FirstPromoterDouble
from .received import Kind, ReceivedCancellation, ReceivedLead, ReceivedRefund, ReceivedSale
from .records import Answer, Attempt, Click

__all__ = [
    "Answer",
    "Attempt",
    "Click",
    "FirstPromoterDouble",
    "Kind",
    "ReceivedCancellation",
    "ReceivedLead",
    "ReceivedRefund",
    "ReceivedSale",
]
