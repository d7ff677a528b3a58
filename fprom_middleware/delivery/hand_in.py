"""An event on its way from a view to its delivery: told of, counted, and answered in any case."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from ..errors import FpromConfigError
from ..events.log_line import log_line
from ..events.receipt import Reason, Receipt, Status
from ..interrupts import raised_by_signal
from ..telemetry import telemetry

if TYPE_CHECKING:
    from ..events.kinds import AnyEvent

logger: logging.Logger = logging.getLogger(__name__)


class HandIn:
    """A context manager in which a delivery takes an event; no view fails because of us.

    A wrong setting and a job's own time limit are let through.

    Args:
        event: The event.
        trace: Which request it is of, where that is known.

    Attributes:
        receipt: What the delivery answered, to be set inside; else that the event failed.
        trace: What the delivery is given: the app's own span of this, else the request.
    """

    __slots__ = ("_event", "_told", "receipt", "trace")

    def __init__(self, event: AnyEvent, trace: str | None) -> None:
        self.receipt = Receipt(Status.FAILED, Reason.UNEXPECTED)
        self.trace = trace
        self._event = event
        self._told = telemetry().send(event.kind, trace)

    def __enter__(self) -> Self:
        self._told.__enter__()
        self.trace = self._told.trace or self.trace
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> bool:
        fails = isinstance(error, Exception) and not isinstance(error, FpromConfigError)
        try:
            if error is not None and fails:
                self.receipt = give_up(self._event, error)
        finally:
            if error is None or fails:
                self._told.came_to(self.receipt.status, self.receipt.reason)
                count(self._event, self.receipt)
            self._told.__exit__(None if fails else kind)
        return fails


def give_up(event: AnyEvent, error: BaseException) -> Receipt:
    """Answer for an event that could not be handed in, because of a mistake of ours.

    Args:
        event: The event.
        error: What was raised; only its type is logged, for its text may hold what a visitor sent.

    Raises:
        BaseException: It is a job's own time limit.
    """
    limit = raised_by_signal(error)
    if limit is not None:
        raise limit
    receipt = Receipt(Status.FAILED, Reason.UNEXPECTED)
    log_line(
        logger,
        logging.ERROR,
        "A %s could not be handed in: %s.",
        event.kind.noun,
        type(error).__name__,
        kind=event.kind,
        status=receipt.status,
        reason=receipt.reason,
    )
    return receipt


def count(event: AnyEvent, receipt: Receipt) -> Receipt:
    """Count an event that ends where it is handed in, and return the receipt."""
    if receipt.status is not Status.QUEUED:
        telemetry().ended(event.kind, receipt.status, receipt.reason)
    return receipt
