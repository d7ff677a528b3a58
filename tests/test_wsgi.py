"""The WSGI middleware: attaches a context to every request, and reads nothing yet."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from fprom_middleware import Fprom, FpromConfigError, FpromSettings, TrackingContext, get_tracking
from fprom_middleware.visitor.context import KEY
from fprom_middleware.wsgi import FpromMiddleware

TID = "f3a1b2c4-1111-4222-8333-abcdefab1234"
COOKIES = f'a="; _fprom_tid={TID}; _fprom_ref=anna'


def make(**settings: Any) -> Fprom:
    """Return an Fprom that sends nothing."""
    return Fprom(FpromSettings(enabled=False, **settings))


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Stand in for an application."""
    return []


def attach(fprom: Fprom, **environ: Any) -> TrackingContext:
    """Return the context of one request."""
    FpromMiddleware(app, fprom)(environ, lambda *_: print)
    return get_tracking(environ)


def test_the_context_is_attached_in_place() -> None:
    """The app is called with the server's own environ, and its answer is handed on as it is."""
    environ: dict[str, Any] = {"HTTP_COOKIE": COOKIES, "REMOTE_ADDR": "93.184.216.34"}
    answer, start = [b"hello"], object()

    def inner(given: dict[str, Any], start_response: Any) -> list[bytes]:
        assert given is environ
        assert start_response is start
        assert isinstance(given["fprom_middleware.tracking"], TrackingContext)
        return answer

    assert FpromMiddleware(inner, make())(environ, start) is answer  # type: ignore[arg-type]
    context = get_tracking(environ)
    assert (context.tid, context.ref_id, context.ip) == (TID, "anna", "93.184.216.34")
    assert context.captured_at is None
    assert set(environ) == {"HTTP_COOKIE", "REMOTE_ADDR", KEY}


def test_an_environ_without_anything() -> None:
    """A request without cookies, headers and peer is a visitor about whom nothing is known."""
    context = attach(make(trusted_proxies="loopback"))

    assert (context.tid, context.ref_id, context.ip) == (None, None, None)
    assert repr(context) == "TrackingContext(tid=None, ref_id=None, ip=None)"


@pytest.mark.parametrize("order", [("tid", "ref_id", "ip"), ("ip", "ref_id", "tid")])
def test_values_are_read_once(order: tuple[str, ...]) -> None:
    """In any order, the second look at a value is the first one's answer."""
    fprom = make(trusted_proxies=1)
    context = attach(fprom, HTTP_COOKIE=COOKIES, HTTP_X_FORWARDED_FOR="93.184.216.34")

    first = [getattr(context, name) for name in order]
    fprom.visitor.addresses = None  # type: ignore[assignment]

    assert [getattr(context, name) for name in order] == first
    assert set(first) == {TID, "anna", "93.184.216.34"}


class Jealous(str):
    """A header that may be handed on, but not read."""

    __slots__ = ()

    def refuse(self, *_: object) -> Any:
        """Fail the test."""
        pytest.fail("a header was read")

    find = split = strip = __getitem__ = __len__ = __iter__ = refuse  # type: ignore[assignment]
    __contains__ = __eq__ = __hash__ = refuse


def test_a_request_that_nobody_asks_about_reads_nothing() -> None:
    """Attaching looks at no header."""
    header = Jealous(COOKIES)

    context = attach(
        make(trusted_proxies=1),
        HTTP_COOKIE=header,
        HTTP_X_FORWARDED_FOR=header,
        REMOTE_ADDR=header,
    )

    assert isinstance(context, TrackingContext)


def count_contexts() -> int:
    """Count the contexts that no one has let go."""
    return sum(issubclass(type(found), TrackingContext) for found in gc.get_objects())


@pytest.mark.parametrize("ask", [False, True], ids=["unasked", "asked"])
def test_no_cycle_is_left(ask: bool) -> None:
    """A request leaves nothing to the garbage collector."""
    fprom = make(trusted_proxies=1)

    def serve(number: int) -> None:
        ip = f"10.1.{number // 250}.{number % 250}"
        context = attach(fprom, HTTP_COOKIE=COOKIES, HTTP_X_FORWARDED_FOR=ip)
        if ask:
            assert (context.tid, context.ref_id, context.ip) == (TID, "anna", ip)

    serve(0)
    gc.collect()
    gc.disable()
    try:
        before = count_contexts()
        for number in range(100):
            serve(number)
        assert count_contexts() == before
    finally:
        gc.enable()


def test_the_context_does_not_hold_the_environ() -> None:
    """Nothing that the context refers to is the environ."""
    environ: dict[str, Any] = {"HTTP_COOKIE": COOKIES}
    FpromMiddleware(app, make())(environ, lambda *_: print)

    assert environ not in gc.get_referents(get_tracking(environ))


def test_nested_middlewares() -> None:
    """The inner middleware's settings serve the app inside it."""
    outer, inner = make(trusted_proxies=0), make(trusted_proxies=1)
    environ: dict[str, Any] = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "93.184.216.34"}

    FpromMiddleware(FpromMiddleware(app, inner), outer)(environ, lambda *_: print)

    assert get_tracking(environ).owner is inner
    assert get_tracking(environ).ip == "93.184.216.34"


def test_an_exception_of_the_app_passes() -> None:
    """What the app raises is the server's to handle."""

    def broken(*_: Any) -> list[bytes]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FpromMiddleware(broken, make())({}, lambda *_: print)


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
    """A process that begins to serve begins to drain, once."""
    fprom, started = make(), []
    monkeypatch.setattr(fprom, "start_worker", lambda: started.append("here"))

    attach(fprom)
    assert not started
    monkeypatch.setattr(Fprom, "needs_start", True)
    fprom.start_hint.wanted = True
    attach(fprom)
    assert started == ["here"]
