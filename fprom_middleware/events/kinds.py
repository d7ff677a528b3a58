"""The four kinds of events, by their name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .event import Kind
from .lead import Lead
from .payments import Cancellation, Refund, Sale

if TYPE_CHECKING:
    from collections.abc import Mapping

AnyEvent = Lead | Sale | Refund | Cancellation
EVENTS: Final[Mapping[str, type[AnyEvent]]] = {
    Kind.SIGNUP: Lead,
    Kind.SALE: Sale,
    Kind.REFUND: Refund,
    Kind.CANCELLATION: Cancellation,
}
