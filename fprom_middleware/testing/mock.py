"""The verbs of a test: visit, look, assert, make trouble, drain."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from ..api.client import TrackingApi
from ..delivery.current import replace_deliveries
from ..events.lead import Lead
from ..events.payments import Cancellation, Refund, Sale
from .clients import set_visitor
from .difference import find, tell_missing, tell_several, tell_unexpected
from .outbox import MemoryOutbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..events.event import Kind
    from ..events.kinds import AnyEvent
    from ..outbox.stats import Counts
    from .fields import CancellationFields, LeadFields, RefundFields, SaleFields
    from .outbox import Trouble

E = TypeVar("E", Lead, Sale, Refund, Cancellation)

# Frames of this module are left out of what unittest shows of a failure.
__unittest = True


class FpromMock:
    """FirstPromoter for one test: it takes what every `Fprom` of this process hands in.

    Accounts answer as with FPROM_DELIVERY=memory, whatever their settings say: ``queued``,
    ``durable=True``; ``session=`` is taken. No call leaves.
    """

    def __init__(self) -> None:
        self._outbox = MemoryOutbox()

    @property
    def events(self) -> list[AnyEvent]:
        """What was handed in, of every kind, the oldest first; it stays when it is drained."""
        return [one.event for one in self._outbox.kept]

    @property
    def leads(self) -> list[Lead]:
        """The sign-ups that were handed in, the oldest first."""
        return self._of(Lead)

    @property
    def sales(self) -> list[Sale]:
        """The sales that were handed in, the oldest first."""
        return self._of(Sale)

    @property
    def refunds(self) -> list[Refund]:
        """The refunds that were handed in, the oldest first."""
        return self._of(Refund)

    @property
    def cancellations(self) -> list[Cancellation]:
        """The cancellations that were handed in, the oldest first."""
        return self._of(Cancellation)

    def visit(self, client: object, ref: str = "anna", *, tid: str | None = None) -> str:
        """Let the visitor of a test client arrive by a promoter's link.

        The client gets the cookies that FirstPromoter's script would have set in a browser; no
        page is asked for. A second visit takes the place of the first.

        Args:
            client: A test client of Flask, Werkzeug, Starlette, FastAPI, Django or Litestar, or a
                client of httpx or requests.
            ref: The promoter's referral id.
            tid: The visitor id, by default a new one.

        Returns:
            The visitor id.

        Raises:
            TypeError: The client is none of these.
        """
        tid = str(uuid.uuid4()) if tid is None else tid
        set_visitor(client, tid, ref)
        return tid

    def assert_lead(self, **expected: Unpack[LeadFields]) -> Lead:
        """Assert that one lead has these fields; it may have others, and there may be other leads.

        Args:
            **expected: What to expect: ``email``, ``uid``, ``tid``, ``ref_id``, ``ip``,
                ``created_at``, ``skip_email_notification``; None expects a field to be absent.

        Returns:
            The lead.

        Raises:
            AssertionError: None has them, or several have; the text shows what did arrive.
        """
        __tracebackhide__ = True
        return self._assert_one(Lead, expected)

    def assert_sale(self, **expected: Unpack[SaleFields]) -> Sale:
        """Assert that one sale has these fields, as `assert_lead` does.

        Args:
            **expected: What to expect: ``email``, ``uid``, ``event_id``, ``amount``, ``currency``,
                ``quantity``, ``plan``, ``mrr``, ``promo_code``, ``tid``, ``ref_id``,
                ``skip_email_notification``.

        Returns:
            The sale.

        Raises:
            AssertionError: As `assert_lead` does.
        """
        __tracebackhide__ = True
        return self._assert_one(Sale, expected)

    def assert_refund(self, **expected: Unpack[RefundFields]) -> Refund:
        """Assert that one refund has these fields, as `assert_lead` does.

        Args:
            **expected: What to expect: ``email``, ``uid``, ``event_id``, ``amount``, ``currency``,
                ``quantity``, ``sale_event_id``, ``skip_email_notification``.

        Returns:
            The refund.

        Raises:
            AssertionError: As `assert_lead` does.
        """
        __tracebackhide__ = True
        return self._assert_one(Refund, expected)

    def assert_cancellation(self, **expected: Unpack[CancellationFields]) -> Cancellation:
        """Assert that one cancellation has these fields, as `assert_lead` does.

        Args:
            **expected: What to expect: ``email``, ``uid``.

        Returns:
            The cancellation.

        Raises:
            AssertionError: As `assert_lead` does.
        """
        __tracebackhide__ = True
        return self._assert_one(Cancellation, expected)

    def assert_no_leads(self) -> None:
        """Assert that no sign-up was handed in."""
        __tracebackhide__ = True
        _assert_none(Lead.kind, self.leads)

    def assert_no_sales(self) -> None:
        """Assert that no sale was handed in."""
        __tracebackhide__ = True
        _assert_none(Sale.kind, self.sales)

    def assert_no_refunds(self) -> None:
        """Assert that no refund was handed in."""
        __tracebackhide__ = True
        _assert_none(Refund.kind, self.refunds)

    def assert_no_cancellations(self) -> None:
        """Assert that no cancellation was handed in."""
        __tracebackhide__ = True
        _assert_none(Cancellation.kind, self.cancellations)

    def assert_no_events(self) -> None:
        """Assert that nothing was handed in."""
        __tracebackhide__ = True
        _assert_none(None, self.events)

    def fail_next(self, trouble: Trouble, times: int = 1) -> None:
        """Say what the next calls come to: those that `drain` makes, for a view makes none.

        A status means what it means when FirstPromoter answers it: 404 to a sign-up is an unknown
        visitor and tried again, 422 a duplicate, 400 a rejection; 401, 429 and 500 are tried
        again. An exception is a network in trouble.

        Args:
            trouble: A status, an exception or its type; what was said before comes first.
            times: How many calls.

        Raises:
            ValueError: The status is not one of HTTP's, or there is no such number of calls.
        """
        if isinstance(trouble, int) and not 100 <= trouble <= 599:  # noqa: PLR2004 - HTTP's own
            msg = f"{trouble} is not a valid HTTP status"
            raise ValueError(msg)
        self._outbox.trouble.extend([trouble] * _checked(times))

    def refuse_next(self, times: int = 1) -> None:
        """Let the database refuse what a view hands in next, as one that is away would.

        The view is answered ``queued`` with ``durable=False``, and the event waits in memory;
        with ``session=`` it is answered ``failed``, and the event is not kept.

        Args:
            times: How many events.

        Raises:
            ValueError: There is no such number of events.
        """
        self._outbox.refusals += _checked(times)

    def drain(self, limit: int | None = None, *, wait: bool = False) -> Counts:
        """Send what waits, nowhere: what the calls come to is what `fail_next` said, or success.

        Each event that waits has one call, in its customer's order, and FPROM_ON_OUTCOME hears
        how it ends. No time has to pass: a second drain finds every wait over. Pace and pauses of
        an account are left out.

        Args:
            limit: Calls at the most.
            wait: True goes on until nothing waits.

        Returns:
            Calls by what they came to: sent, duplicate, skipped, rejected, failed (tried again).
        """
        return self._outbox.drain(limit=limit, wait=wait)

    def _of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def _assert_one(self, kind: type[E], given: Any) -> E:
        __tracebackhide__ = True
        expected = {name: _as_kept(kind, name, value) for name, value in given.items()}
        found = find(expected, self._of(kind))
        if not found:
            unsent = self._outbox.unsent
            raise AssertionError(tell_missing(kind.kind, expected, self.events, unsent))
        if len(found) > 1:
            raise AssertionError(tell_several(kind.kind, expected, found))
        return found[0]


def _checked(times: int) -> int:
    if times < 1:
        msg = f"times={times} is not a valid number"
        raise ValueError(msg)
    return times


def _as_kept(kind: type[E], name: str, value: object) -> object:
    known = [field.name for field in fields(kind)]
    if name not in known:
        msg = f"{kind.__name__} has no field {name!r}; there are {', '.join(known)}"
        raise TypeError(msg)
    is_id = name in {"uid", "event_id", "sale_event_id", "plan"}
    return str(value) if is_id and isinstance(value, int | uuid.UUID) else value


def _assert_none(kind: Kind | None, found: Sequence[AnyEvent]) -> None:
    __tracebackhide__ = True
    if found:
        raise AssertionError(tell_unexpected(kind, found))


@contextmanager
def mock_fprom() -> Iterator[FpromMock]:
    """Take what every `Fprom` of this process hands in, those made before and those to come.

    Yields:
        What it is looked at with. At the block's end each account has its own delivery again.
    """
    mock = FpromMock()
    outbox = mock._outbox  # noqa: SLF001 - its other half
    send = TrackingApi.send
    # What calls past the delivery, as `fprom check --send` does, is not let out either.
    setattr(TrackingApi, "send", lambda _, event: outbox.call(event))  # noqa: B010 - for mypy
    try:
        with replace_deliveries(outbox):
            yield mock
    finally:
        setattr(TrackingApi, "send", send)  # noqa: B010 - likewise
