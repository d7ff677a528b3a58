"""What an app's own OpenTelemetry is told: spans, metrics, and nothing about whom they are."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fprom_middleware import Fprom, Lead, TrackingContext, telemetry, track_signup
from fprom_middleware.otel import SCHEMA_URL, OpenTelemetry
from fprom_middleware.visitor.attach import attach_environ
from tests.delivery.test_drain import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.api import Api
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom

TID = "3c9d7f52-6c1e-4c0e-9d2a-5a8a1f0b7e64"
IP = "93.184.216.34"
EMAIL = "ann@shop.example"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
QUEUE = {"messaging.system": "fprom_middleware", "messaging.destination.name": "fprom_outbox"}


class Own(SpanProcessor):
    """An app's own processor, which may do anything."""

    acts: Callable[[], object] | None = None

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Do what the test wants."""
        if self.acts is not None:
            self.acts()


class App:
    """An app with OpenTelemetry: what it has been told."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.processor = Own()
        provider = TracerProvider()
        provider.add_span_processor(self.processor)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("app")
        self.telemetry = OpenTelemetry(provider, MeterProvider([self.reader]))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """The spans by name; there is one of each name."""
        spans = self.exporter.get_finished_spans()
        found = {span.name: span for span in spans}
        assert len(found) == len(spans)
        return found

    def measured(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """Return a metric's points: attributes, and the value or the number of values."""
        data = self.reader.get_metrics_data()
        scopes = [s for r in (data.resource_metrics if data else ()) for s in r.scope_metrics]
        return [
            (
                dict(point.attributes or {}),
                getattr(point, "value", None) or getattr(point, "count", 0),
            )
            for scope in scopes
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def everything(self) -> str:
        """Return all that was told, as text."""
        data = self.reader.get_metrics_data()
        spans = [span.to_json() for span in self.exporter.get_finished_spans()]
        return f"{spans}{data and data.to_json()}"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """An app; a process has one provider, once and for all, and other tests have none."""
    app = App()
    monkeypatch.setattr(telemetry, "_load", lambda: app.telemetry)
    return app


def request_of(fprom: Fprom, **headers: str) -> dict[str, Any]:
    """Return a request of a visitor whom a promoter sent."""
    environ = {"HTTP_COOKIE": f"_fprom_tid={TID}", "REMOTE_ADDR": IP, **headers}
    attach_environ(environ, fprom)
    return environ


def traceparent(span: ReadableSpan) -> str:
    """Write a span's context as W3C does."""
    known = span.get_span_context()
    assert known is not None
    return f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"


def test_a_sign_up_and_its_delivery_are_two_linked_spans(
    app: App, sqlite_url: str, make: MakeFprom
) -> None:
    """A producer's in the app's own trace, a consumer's in the drain; the row leads back."""
    fprom = make(sqlite_url)
    with app.tracer.start_as_current_span("POST /register") as own:
        receipt = track_signup(request_of(fprom, HTTP_TRACEPARENT=PARENT), EMAIL)
    assert receipt.durable
    (row,) = rows(fprom)
    fprom.drain()

    send, process = app.spans["send fprom_outbox"], app.spans["process fprom_outbox"]
    assert (send.kind, process.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert send.parent == own.get_span_context()
    assert row["trace"] == traceparent(send)
    assert process.parent is None
    (link,) = process.links
    assert link.context.is_remote
    assert f"{link.context.trace_id:032x}-{link.context.span_id:016x}" == row["trace"][3:-3]
    assert dict(send.attributes or {}) == QUEUE | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "fprom.kind": "signup",
        "fprom.status": "queued",
    }
    assert dict(process.attributes or {}) == QUEUE | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": str(row["id"]),
        "fprom.attempt": 1,
        "fprom.kind": "signup",
        "fprom.status": "sent",
    }
    scope = send.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.schema_url) == ("fprom_middleware", SCHEMA_URL)


def test_a_request_that_the_app_has_no_span_of(app: App, sqlite_url: str, make: MakeFprom) -> None:
    """Its traceparent is the parent; an id of another form is none."""
    fprom = make(sqlite_url)
    track_signup(request_of(fprom, HTTP_TRACEPARENT=PARENT), EMAIL)
    parent = app.spans["send fprom_outbox"].parent
    app.exporter.clear()
    track_signup(request_of(fprom, HTTP_X_REQUEST_ID="req-1"), EMAIL)

    assert parent is not None
    assert f"{parent.trace_id:032x}-{parent.span_id:016x}" == PARENT[3:-3]
    assert app.spans["send fprom_outbox"].parent is None


def test_a_row_of_a_time_before_opentelemetry(app: App, sqlite_url: str, make: MakeFprom) -> None:
    """A request's own id leads to no span; the delivery is told all the same."""
    fprom = make(sqlite_url)
    fprom.delivery.accept(Lead(tid=TID, email=EMAIL), trace="req-1")
    fprom.drain()

    assert app.spans["process fprom_outbox"].links == ()


def test_a_call_that_fails(app: App, sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """The span says why by a code; that the event is tried again is no end of it."""
    api.says = 503
    fprom = make(sqlite_url)
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    fprom.drain()

    span = app.spans["process fprom_outbox"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "server_error"
    assert (span.events, span.status.description) == ((), None)
    assert app.measured("fprom.outcomes") == []


def counts(points: list[Any]) -> dict[tuple[str, ...], int]:
    """Return points by kind, reason and status."""
    return {
        tuple(text for name, text in sorted(said.items()) if name.startswith("fprom.")): value
        for said, value in points
    }


def test_outcomes_are_counted_once(
    app: App, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """By kind, status and reason: those that never left the view, and those that a drain ended."""
    names = (
        "fprom.outcomes", "fprom.delivery.latency",
        "messaging.client.sent.messages", "messaging.client.operation.duration",
        "messaging.client.consumed.messages", "messaging.process.duration",
    )  # fmt: skip
    fprom = make(sqlite_url)
    fprom.track_signup(TrackingContext(), EMAIL)
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    fprom.track_sale(email=EMAIL, event_id="in_1", amount=1290)
    api.says = lambda call: 409 if call.url.endswith("sale") else 200
    clock.later(5)
    fprom.drain()
    found = {name: counts(app.measured(name)) for name in names}

    ended = {("signup", "sent"): 1, ("sale", "duplicate"): 1}
    queued = {("signup", "queued"): 1, ("sale", "queued"): 1}
    assert found["fprom.outcomes"] == ended | {("signup", "organic", "skipped"): 1}
    assert found["fprom.delivery.latency"] == ended
    assert found["messaging.client.sent.messages"] == queued
    assert found["messaging.client.operation.duration"] == queued
    assert found["messaging.client.consumed.messages"] == ended
    assert found["messaging.process.duration"] == ended


def gauges(app: App) -> dict[str, list[Any]]:
    """Return the outbox's gauges, with what is said beside the queue's name."""
    return {
        name: [
            ({key: text for key, text in said.items() if key.startswith("fprom.")}, value)
            for said, value in app.measured(f"fprom.outbox.{name}")
        ]
        for name in ("pending", "oldest_age", "rejected", "paused")
    }


def test_the_outbox_is_measured_while_it_is_in_use(
    app: App, sqlite_url: str, make: MakeFprom, api: Api, clock: Clock
) -> None:
    """By account, masked; not once it is closed."""
    fprom = make(sqlite_url)
    api.says = 400
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    fprom.drain()
    api.says = 401
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    fprom.track_signup(TrackingContext(tid=TID), "bob@shop.example")
    fprom.drain()
    clock.later(7)
    mine = {"fprom.account": "…"}

    assert gauges(app) == {
        "pending": [(mine, 2)],
        "oldest_age": [(mine, 7.0)],
        "rejected": [(mine, 1)],
        "paused": [(mine | {"fprom.reason": "unauthorized"}, 1)],
    }
    closed = fprom.delivery
    fprom.close()
    assert closed is not fprom.delivery
    assert gauges(app) == {"pending": [], "oldest_age": [], "rejected": [], "paused": []}


def test_a_database_that_refuses_leaves_a_gap(
    app: App, sqlite_url: str, make: MakeFprom, tmp_path: Any
) -> None:
    """What is not known is not measured, and the app's collection goes on."""
    fprom = make(sqlite_url)
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    fprom.delivery.outbox.database.close()  # type: ignore[attr-defined]  # an outbox's has one
    (tmp_path / "outbox.db").write_bytes(b"no database at all" * 100)

    assert app.measured("fprom.outbox.pending") == []
    assert app.measured("messaging.client.sent.messages") != []


async def _sign_up(fprom: Fprom) -> None:
    await fprom.track_signup_async(TrackingContext(tid=TID), EMAIL)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_async_view(app: App, backend: str, sqlite_url: str, make: MakeFprom) -> None:
    """The same span; it is current for as long as the view waits, and no longer."""
    fprom = make(sqlite_url)
    anyio.run(_sign_up, fprom, backend=backend)

    assert app.spans["send fprom_outbox"].kind is SpanKind.PRODUCER
    assert rows(fprom)[0]["trace"] == traceparent(app.spans["send fprom_outbox"])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_inline_delivery_is_one_span(app: App, make: MakeFprom, api: Api) -> None:
    """The call is made inside the view: what it came to is the span's own end."""
    fprom = make("sqlite://", delivery="inline")
    api.says = 503
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)

    span = app.spans["send fprom_outbox"]
    assert (span.attributes or {})["fprom.status"] == "failed"
    assert span.status.status_code is StatusCode.ERROR


def test_nothing_personal_is_told(app: App, sqlite_url: str, make: MakeFprom, api: Api) -> None:
    """Neither of whom an event is, nor the account, nor what an answer says."""
    fprom = make(sqlite_url, account_id="account-of-a-shop")
    for code in (200, 400, 401):
        api.says = code
        track_signup(request_of(fprom, HTTP_X_REQUEST_ID=EMAIL), EMAIL, uid="uid-of-ann")
        fprom.drain()
    told = app.everything()

    assert "fprom_outbox" in told
    for secret in (TID, IP, EMAIL, "shop.example", "uid-of-ann", "account-of-a-shop"):
        assert secret not in told


def test_a_processor_that_raises_costs_no_event(
    app: App, sqlite_url: str, make: MakeFprom, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    """A line says so by its type; the event is taken and delivered."""
    app.processor.acts = fail
    fprom = make(sqlite_url)

    assert fprom.track_signup(TrackingContext(tid=TID), EMAIL).durable
    assert fprom.drain()["sent"] == 1
    assert len(api.seen) == 1
    assert "OpenTelemetry could not be told: ValueError." in caplog.messages
    assert EMAIL not in caplog.text


def fail() -> None:
    """Fail with a text that must go nowhere."""
    raise ValueError(EMAIL)


class TimeLimitError(Exception):
    """What a job's own time limit raises."""


def test_a_time_limit_is_let_through(app: App, sqlite_url: str, make: MakeFprom) -> None:
    """It is the job's, whatever it cuts short."""

    def limit(*_: object) -> None:
        raise TimeLimitError

    before = signal.signal(signal.SIGALRM, limit)
    app.processor.acts = lambda: signal.raise_signal(signal.SIGALRM)
    try:
        with pytest.raises(TimeLimitError):
            make(sqlite_url).track_signup(TrackingContext(tid=TID), EMAIL)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_damaged_trace_leads_nowhere(app: App, sqlite_url: str, make: MakeFprom) -> None:
    """Whatever a row holds, its event is delivered."""
    fprom = make(sqlite_url)
    fprom.track_signup(TrackingContext(tid=TID), EMAIL)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE fprom_outbox SET trace = x'00ff'")
    connection.close()

    assert fprom.drain()["sent"] == 1
    assert app.spans["process fprom_outbox"].links == ()


def test_an_app_without_it(
    monkeypatch: pytest.MonkeyPatch, sqlite_url: str, make: MakeFprom, api: Api
) -> None:
    """Nothing is told, and an event goes its way with its request's own id."""
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    fprom = make(sqlite_url)
    track_signup(request_of(fprom, HTTP_TRACEPARENT=PARENT), EMAIL)
    (row,) = rows(fprom)

    assert fprom.drain()["sent"] == 1
    assert row["trace"] == PARENT
    with telemetry.telemetry().send("signup", None) as told:
        assert told.trace is None


def test_an_api_that_is_too_old_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With what to install; events go their way."""
    monkeypatch.setitem(sys.modules, "fprom_middleware.otel", None)
    load = cache(telemetry._load.__wrapped__)

    for _ in range(2):
        with load().send("signup", None) as told:
            assert told.trace is None
    (said,) = caplog.messages
    assert said == (
        "This OpenTelemetry is told nothing (ModuleNotFoundError): "
        "pip install 'fprom-middleware[otel]'."
    )


UNUSED = f"""
import sys
from fprom_middleware import Fprom, TrackingContext
settings = {{"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a", "FPROM_WORKER": "none"}}
fprom = Fprom(settings | {{"FPROM_OUTBOX_URL": URL}})
fprom.track_signup(TrackingContext(tid="{TID}"), "{EMAIL}")
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""
SET_LATE = f"""{UNUSED}
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
fprom.track_signup(TrackingContext(tid="{TID}"), "{EMAIL}")
trace.set_tracer_provider(provider)
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
fprom.track_signup(TrackingContext(tid="{TID}"), "{EMAIL}")
assert '"fprom.outbox.pending"' in reader.get_metrics_data().to_json()
"""


@pytest.mark.slow
def test_an_app_that_uses_it_late_or_never(sqlite_url: str) -> None:
    """Where the app loads no OpenTelemetry we load none; a provider that is set later is told."""
    code = f"URL = {sqlite_url!r}\n{SET_LATE}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"name": "send fprom_outbox"') == 1
