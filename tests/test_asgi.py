"""The ASGI middleware: attaches a context to every connection, and reads nothing yet."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Fprom, FpromConfigError, FpromSettings, TrackingContext, get_tracking
from fprom_middleware.asgi import FpromMiddleware
from fprom_middleware.visitor.attach import AsgiTracking
from fprom_middleware.visitor.context import KEY

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Iterator

TID = "f3a1b2c4-1111-4222-8333-abcdefab1234"
HEADERS = [
    (b"host", b"shop.example"),
    (b"cookie", b'a="; b=@:'),
    (b"x-forwarded-for", b"6.6.6.6, 93.184.216.34"),
    (b"cookie", f"_fprom_tid={TID}".encode()),
    (b"cookie", b"_fprom_ref=anna"),
]


def make(**settings: Any) -> Fprom:
    """Return an Fprom that sends nothing."""
    return Fprom(FpromSettings(enabled=False, **settings))


async def app(*_: Any) -> None:
    """Stand in for an application, for receive and for send."""


def drive(work: Coroutine[Any, Any, object]) -> None:
    """Run a coroutine that waits for nothing, without an event loop."""
    with pytest.raises(StopIteration):
        work.send(None)


def serve(fprom: Fprom, scope: dict[str, Any]) -> None:
    """Serve one connection."""
    drive(FpromMiddleware(app, fprom)(scope, app, app))  # type: ignore[arg-type]


def attach(fprom: Fprom, headers: Iterable[Any] = (), **more: Any) -> TrackingContext:
    """Return the context of one request."""
    scope = {"type": "http", "headers": headers, "client": ("10.0.0.1", 4711), **more}
    serve(fprom, scope)
    return get_tracking(scope)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_context_is_attached_in_place(kind: str) -> None:
    """The app is called with the server's own scope, receive and send."""
    scope: dict[str, Any] = {"type": kind, "headers": HEADERS, "client": ("10.0.0.1", 4711)}
    calls = []

    async def receive() -> Any:
        """Be handed on."""

    async def send(_message: Any) -> None:
        """Be handed on."""

    async def inner(*given: Any) -> None:
        calls.append(given)
        context = get_tracking(given[0])
        assert context is given[0]["fprom_middleware.tracking"]
        assert context is given[0]["state"]["fprom"]
        assert (context.tid, context.ref_id, context.ip) == (TID, "anna", "93.184.216.34")
        assert context.captured_at is None

    await FpromMiddleware(inner, make(trusted_proxies="private"))(scope, receive, send)

    assert [given[0] is scope for given in calls] == [True]
    assert calls[0][1:] == (receive, send)
    assert set(scope) == {"type", "headers", "client", "state", KEY}


@pytest.mark.parametrize("given", [{}, {"db": 1}], ids=["empty", "filled"])
def test_a_state_that_the_server_gave(given: dict[str, Any]) -> None:
    """The server's own state is kept, and the context put into it."""
    state = dict(given)
    scope: dict[str, Any] = {"type": "http", "headers": [], "client": None, "state": state}

    serve(make(), scope)

    assert scope["state"] is state
    assert state == {**given, "fprom": get_tracking(scope)}


@pytest.mark.parametrize("more", [{}, {"state": None}], ids=["absent", "None"])
def test_a_state_that_the_server_did_not_give(more: dict[str, Any]) -> None:
    """Where the server gave no state, one is made for each connection."""
    first: dict[str, Any] = {"type": "http", "headers": [], **more}
    second: dict[str, Any] = {"type": "http", "headers": [], **more}

    serve(make(), first)
    serve(make(), second)

    assert first["state"] == {"fprom": get_tracking(first)}
    assert second["state"] is not first["state"]


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "lifespan"},
        {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}},
        {"type": "http.custom", "headers": 7},
        {"type": "webtransport", "headers": HEADERS, "state": {"a": 1}},
        {"type": "HTTP", "headers": HEADERS},
    ],
    ids=["lifespan", "lifespan with state", "a custom type", "webtransport", "another case"],
)
def test_other_scopes_pass_through_untouched(scope: dict[str, Any]) -> None:
    """The app sees the same object, unchanged."""
    before, calls = copy.deepcopy(scope), []

    async def inner(given: Any, *_: Any) -> None:
        calls.append(given)
        assert given == before

    drive(FpromMiddleware(inner, make())(scope, app, app))  # type: ignore[arg-type]

    assert len(calls) == 1
    assert calls[0] is scope
    assert scope == before


class Jealous:
    """Headers that may be handed on, but not read."""

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        pytest.fail("a header was read")

    __getitem__ = __len__ = __bool__ = __iter__


def test_a_request_that_nobody_asks_about_reads_nothing() -> None:
    """Attaching looks neither at the headers nor at the peer."""
    context = attach(make(trusted_proxies=1), Jealous(), client=Jealous())

    assert isinstance(context, TrackingContext)


@pytest.mark.parametrize(
    "order", [("tid", "ref_id", "ip"), ("ip", "tid", "ref_id"), ("ref_id", "ip", "tid")]
)
def test_headers_are_read_once(order: tuple[str, ...]) -> None:
    """In any order, one look at the headers serves all three values."""
    fprom = make(trusted_proxies="private")
    context = attach(fprom, iter(HEADERS))

    first = [getattr(context, name) for name in order]
    fprom.visitor.addresses = None  # type: ignore[assignment]

    assert [getattr(context, name) for name in order] == first
    assert set(first) == {TID, "anna", "93.184.216.34"}
    assert repr(context) == "TrackingContext(tid=…1234, ref_id=…, ip=IPv4)"


def test_headers_as_lists() -> None:
    """Some servers hand over lists in place of tuples."""
    context = attach(make(), [list(header) for header in HEADERS], client=["93.184.216.34", 1])

    assert (context.tid, context.ref_id, context.ip) == (TID, "anna", "93.184.216.34")


def test_a_header_that_is_not_wanted() -> None:
    """Neighbours of our headers, in name or in kind, are passed over."""
    neighbours = [
        (b"cookie2", b"_fprom_tid=evil"),
        (b"set-cookie", b"_fprom_tid=evil"),
        (b"x-cookie", b"_fprom_tid=evil"),
        (b"forwarded", b"for=6.6.6.6"),
        (b"x-forwarded-for-x", b"6.6.6.6"),
        (b"x-real-ip", b"6.6.6.6"),
    ]

    context = attach(make(trusted_proxies=1), neighbours)

    assert (context.tid, context.ref_id, context.ip) == (None, None, None)


def count_contexts() -> int:
    """Count the contexts that no one has let go."""
    return sum(issubclass(type(found), TrackingContext) for found in gc.get_objects())


@pytest.mark.parametrize("ask", [False, True], ids=["unasked", "asked"])
def test_no_cycle_is_left(ask: bool) -> None:
    """A request leaves nothing to the garbage collector."""
    fprom = make(trusted_proxies="private")
    middleware = FpromMiddleware(app, fprom)

    def one() -> None:
        scope = {"type": "http", "headers": list(HEADERS), "client": ("10.0.0.1", 4711)}
        work = middleware(scope, app, app)  # type: ignore[arg-type]
        with contextlib.suppress(StopIteration):
            work.send(None)
        context = get_tracking(scope)
        if ask:
            assert (context.tid, context.ref_id, context.ip) == (TID, "anna", "93.184.216.34")

    one()
    gc.collect()
    gc.disable()
    try:
        before = count_contexts()
        for _ in range(100):
            one()
        assert count_contexts() == before
    finally:
        gc.enable()


def test_headers_are_gone_through_once() -> None:
    """Who asks for them early and again finds them read."""
    scope: dict[str, Any] = {"type": "http", "headers": list(HEADERS), "client": None}
    serve(make(), scope)
    context = get_tracking(scope)
    assert isinstance(context, AsgiTracking)
    context.scan()
    scope["headers"].clear()
    context.scan()

    assert context.tid == TID


def test_the_context_does_not_hold_the_scope() -> None:
    """Nothing that the context refers to is the scope or its state."""
    scope: dict[str, Any] = {"type": "http", "headers": HEADERS, "client": None}
    serve(make(), scope)

    held = [id(thing) for thing in gc.get_referents(get_tracking(scope))]

    assert id(scope) not in held
    assert id(scope["state"]) not in held


def test_nested_middlewares() -> None:
    """The inner middleware's settings serve the app inside it."""
    outer, inner = make(trusted_proxies=0), make(trusted_proxies=1)
    scope: dict[str, Any] = {"type": "http", "headers": HEADERS, "client": ("10.0.0.1", 1)}

    nested = FpromMiddleware(FpromMiddleware(app, inner), outer)
    drive(nested(scope, app, app))  # type: ignore[arg-type]

    assert get_tracking(scope).owner is inner
    assert scope["state"]["fprom"] is get_tracking(scope)
    assert get_tracking(scope).ip == "93.184.216.34"


@pytest.mark.anyio
async def test_an_exception_of_the_app_passes() -> None:
    """What the app raises is the server's to handle, and its handler finds the context."""
    scope: dict[str, Any] = {"type": "http", "headers": HEADERS}

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await FpromMiddleware(broken, make())(scope, app, app)  # type: ignore[arg-type]

    assert get_tracking(scope).tid == TID


def test_servers_take_it_for_asgi_3() -> None:
    """A plain function that returns a coroutine would be guessed to be ASGI 2."""
    assert inspect.iscoroutinefunction(FpromMiddleware.__call__)


def test_what_the_second_argument_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Fprom, its settings, a mapping, or nothing for the process environment."""
    fprom = make()
    monkeypatch.setenv("FPROM_ENABLED", "false")
    monkeypatch.setenv("FPROM_TIMEOUT", "7")

    assert FpromMiddleware(app, fprom).fprom is fprom
    assert FpromMiddleware(app, fprom.settings).fprom.settings is fprom.settings
    given = FpromMiddleware(app, {"FPROM_ENABLED": "false", "FPROM_TIMEOUT": 3}).fprom
    assert given.settings.timeout == 3
    assert FpromMiddleware(app).fprom.settings.timeout == 7


def test_a_wrong_setting_fails_at_start() -> None:
    """The middleware is not made of settings that are wrong."""
    with pytest.raises(FpromConfigError, match="FPROM_API_KEY"):
        FpromMiddleware(app, {"FPROM_ENABLED": "true"})


def test_the_first_request_wakes_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that begins to serve begins to drain, once; its lifespan is no request."""
    fprom, started = make(), []
    monkeypatch.setattr(fprom, "start_worker", lambda: started.append("here"))

    attach(fprom)
    assert not started
    monkeypatch.setattr(Fprom, "needs_start", True)
    fprom.start_hint.wanted = True
    serve(fprom, {"type": "lifespan"})
    assert not started
    attach(fprom)
    assert started == ["here"]
