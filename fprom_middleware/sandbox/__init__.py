"""A FirstPromoter on your own machine: tracking API, browser script, and a page of what arrived.

This module is the part without a socket, for tests. The server stands in
`fprom_middleware.sandbox.app`, its command is ``fprom sandbox``.
"""

from __future__ import annotations

from .double import FirstPromoterDouble
from .records import Answer, Attempt, Click, ReceivedLead

__all__ = ["Answer", "Attempt", "Click", "FirstPromoterDouble", "ReceivedLead"]
