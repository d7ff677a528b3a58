"""Spans and metrics for OpenTelemetry, by its messaging conventions; `telemetry` finds it.

Names are those of the semantic conventions 1.44.0, https://opentelemetry.io/docs/specs/semconv/messaging/:
the outbox is a queue, a call of ``track_*`` sends a message to it, a drain processes it. Nothing
here says about whom an event is.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, Self
from weakref import WeakKeyDictionary

from opentelemetry import context, metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags

from .forking import call_in_child
from .interrupts import raised_by_signal
from .version import __version__

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator

    from opentelemetry.metrics import CallbackOptions

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
_SCOPE: Final = ("fprom_middleware", __version__)
_QUEUE: Final = {
    "messaging.system": "fprom_middleware",
    "messaging.destination.name": "fprom_outbox",
}
# Of the conventions, for durations of an operation; then for what may wait for hours.
_CALL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_WAIT_BUCKETS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 86400)
_TRACEPARENT: Final = re.compile("[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_FAULTS: Final = frozenset({"failed", "rejected"})

logger: logging.Logger = logging.getLogger(__name__)


class Figures(Protocol):
    """What of an outbox's figures is measured; `fprom_middleware.Stats` has it."""

    pending: int
    oldest_age: float | None
    rejected: int
    paused: str | None


class Watched(Protocol):
    """An outbox that can be asked for its figures; `stopping` is set once it is closed."""

    @property
    def stopping(self) -> threading.Event:
        """Set once it is closed."""
        ...

    def stats(self) -> Figures:
        """Count what waits."""
        ...


class OpenTelemetry:
    """What an app's own OpenTelemetry is told; with no provider set that is nothing.

    Args:
        tracer_provider: Where spans go; None stands for the one that the process has set.
        meter_provider: Where measures go; likewise.
    """

    def __init__(
        self,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.tracer = trace.get_tracer(*_SCOPE, tracer_provider, SCHEMA_URL)
        meter = metrics.get_meter(*_SCOPE, meter_provider, SCHEMA_URL)
        self._watched: WeakKeyDictionary[Watched, str] = WeakKeyDictionary()
        call_in_child(self._watched.clear)
        self.durations = {
            "send": meter.create_histogram(
                "messaging.client.operation.duration",
                "s",
                "Time that handing in an event took.",
                explicit_bucket_boundaries_advisory=_CALL_BUCKETS,
            ),
            "process": meter.create_histogram(
                "messaging.process.duration",
                "s",
                "Time that a call of FirstPromoter took.",
                explicit_bucket_boundaries_advisory=_CALL_BUCKETS,
            ),
        }
        self.messages = {
            "send": meter.create_counter(
                "messaging.client.sent.messages", "{message}", "Events handed in."
            ),
            "process": meter.create_counter(
                "messaging.client.consumed.messages", "{message}", "Calls of FirstPromoter."
            ),
        }
        self._outcomes = meter.create_counter(
            "fprom.outcomes", "{event}", "Events that have ended, each once."
        )
        self._latency = meter.create_histogram(
            "fprom.delivery.latency",
            "s",
            "Time from handing in an event to its end.",
            explicit_bucket_boundaries_advisory=_WAIT_BUCKETS,
        )
        for name, unit, text in (
            ("pending", "{event}", "Events that wait, those on their way included."),
            ("oldest_age", "s", "Time since the oldest of them was queued."),
            ("rejected", "{event}", "Events that FirstPromoter will never take, of 30 days."),
            ("paused", "1", "1 while nothing is sent; the reason is an attribute."),
        ):
            meter.create_observable_gauge(
                f"fprom.outbox.{name}", [_Gauge(self._watched, name)], unit, text
            )

    def watch(self, outbox: Watched, account: str) -> None:
        """Measure an outbox for as long as it is in use.

        Args:
            outbox: The outbox.
            account: The account's id, masked: it tells the accounts of one process apart.
        """
        self._watched.setdefault(outbox, account)

    def send(self, kind: str, request: str | None) -> Operation:
        """Tell of an event that is handed in.

        Args:
            kind: What it is about.
            request: Which request it is of.
        """
        # The app's own span of the request, which need not be one that a header names.
        parent = None if trace.get_current_span().get_span_context().is_valid else request
        return Operation(self, "send", kind, parent=parent)

    def process(self, kind: str, request: str | None, *, row_id: int, attempt: int) -> Operation:
        """Tell of a call of FirstPromoter that a drain makes.

        Args:
            kind: What the event is about.
            request: What `Operation.trace` was when it was handed in.
            row_id: Its row in the outbox.
            attempt: Which call of the event it is, from 1.
        """
        span = {"messaging.message.id": str(row_id), "fprom.attempt": attempt}
        return Operation(self, "process", kind, link=request, attributes=span)

    def ended(
        self, kind: str, status: str, reason: str | None, *, waited: float | None = None
    ) -> None:
        """Count an event that has ended.

        Args:
            kind: What it was about.
            status: How it ended.
            reason: Why.
            waited: Seconds since it was handed in; None where it ended there.
        """
        said = _said(kind, status, reason)
        with _quiet():
            self._outcomes.add(1, said)
            if waited is not None:
                self._latency.record(max(waited, 0.0), said)


class Operation:
    """A context manager around one operation: a span, and its measures.

    Args:
        telemetry: What tells of it.
        name: ``send`` or ``process``.
        kind: What the event is about.
        parent: A traceparent, or another text, which counts as none.
        link: Likewise.
        attributes: More of the span.

    Attributes:
        trace: The span as a traceparent; None where there is no provider.
    """

    def __init__(
        self,
        telemetry: OpenTelemetry,
        name: str,
        kind: str,
        *,
        parent: str | None = None,
        link: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> None:
        self.trace: str | None = None
        self._telemetry = telemetry
        self._name = name
        self._kind = kind
        self._parent, self._link = parent, link
        self._attributes = {
            **_QUEUE,
            "messaging.operation.name": name,
            "messaging.operation.type": name,
            "fprom.kind": str(kind),
        }
        self._span: trace.Span = trace.INVALID_SPAN
        self._more = attributes or {}
        self._token: Any = None
        self._end: dict[str, str] = {}

    def came_to(self, status: str, reason: str | None) -> None:
        """Say what came of it.

        Args:
            status: What became of the event.
            reason: Why.
        """
        self._end = _said(self._kind, status, reason)
        if status in _FAULTS:
            self._end["error.type"] = str(reason or status)

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        with _quiet():
            send, parent, linked = self._name == "send", _read(self._parent), _read(self._link)
            span = self._telemetry.tracer.start_span(
                f"{self._name} {_QUEUE['messaging.destination.name']}",
                parent and trace.set_span_in_context(trace.NonRecordingSpan(parent)),
                SpanKind.PRODUCER if send else SpanKind.CONSUMER,
                {**self._attributes, **self._more},
                [Link(linked)] if linked else None,
            )
            self._span = span
            self._token = context.attach(trace.set_span_in_context(span))
            known = span.get_span_context()
            if known.is_valid:
                self.trace = (
                    f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"
                )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # Never the exception itself: its text can hold what the visitor sent.
        end = self._end if kind is None else {"error.type": kind.__name__}
        seconds = time.perf_counter() - self._began
        with _quiet():
            if self._token is not None:
                context.detach(self._token)
            self._span.set_attributes(end)
            if "error.type" in end:
                self._span.set_status(StatusCode.ERROR)
            self._span.end()
            said = {**self._attributes, **end}
            self._telemetry.durations[self._name].record(seconds, said)
            self._telemetry.messages[self._name].add(1, said)


class _Gauge:
    """Reads one figure of each outbox that is in use, whenever the app's metrics are collected."""

    def __init__(self, watched: WeakKeyDictionary[Watched, str], name: str) -> None:
        self._watched = watched
        self._name = name

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        found = []
        for outbox, account in list(self._watched.items()):
            if outbox.stopping.is_set():
                continue
            said = {**_QUEUE, "fprom.account": account}
            with _quiet():
                value: Any = getattr(outbox.stats(), self._name)
                if self._name == "paused":
                    said |= {} if value is None else {"fprom.reason": value}
                    value = int(value is not None)
                found.append(Observation(value or 0, said))
        return found


def _said(kind: str, status: str, reason: str | None) -> dict[str, str]:
    # Plain text: what is handed in are members of enumerations.
    said = {"fprom.kind": str(kind), "fprom.status": str(status)}
    return said if reason is None else {**said, "fprom.reason": str(reason)}


def _read(traceparent: str | None) -> SpanContext | None:
    # What is no traceparent is a request's own id; a damaged row may hold anything.
    numbers = _TRACEPARENT.fullmatch(traceparent or "")
    if numbers is None:
        return None
    trace_id, span_id, flags = (int(number, 16) for number in numbers.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))


@contextmanager
def _quiet() -> Iterator[None]:
    """Let no event be lost by what a processor, a sampler or an exporter of the app's raises."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - as said
        limit = raised_by_signal(error)
        if limit is not None:
            raise limit from None
        logger.warning("OpenTelemetry could not be told: %s.", type(error).__name__)


TELEMETRY: Final = OpenTelemetry()
"""One a process, as OpenTelemetry's own providers are."""
