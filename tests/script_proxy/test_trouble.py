"""A vendor in every kind of trouble: the page goes on, and so do the site's other requests."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.script_proxy import asgi as by_asgi
from fprom_middleware.script_proxy import limits as by_limits
from fprom_middleware.script_proxy import vendor as by_vendor
from fprom_middleware.script_proxy import wsgi as by_wsgi
from fprom_middleware.script_proxy.limits import SLOW_TO_PAUSE
from fprom_middleware.script_proxy.vendor import MAX_ANSWER
from tests.script_proxy.doors import DOORS, Door, open_door
from tests.support.misbehaving import (
    Server,
    answer,
    at_once,
    compose,
    drip,
    flood,
    hang,
    say,
    serving,
)
from tests.support.vendor import BROWSER, FORM, PREFIX, SCRIPT, play, script_settings
from tests.support.waiting import PATIENCE, ends_within, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.misbehaving import Talk

TR, FPR = f"{PREFIX}/tr", f"{PREFIX}/fpr.js"
BIG = b"x" * 30_000_000
OK = b'{"tid": "t"}'


@pytest.fixture(params=DOORS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each door in turn."""
    one: str = request.param
    return one


@contextmanager
def troubled(kind: str, *script: Any, **settings: Any) -> Iterator[tuple[Door, Server]]:
    """Open a door to a vendor that behaves so."""
    with ExitStack() as stack:
        vendor = stack.enter_context(serving(*script))
        yield stack.enter_context(open_door(kind, script_settings(vendor, **settings))), vendor


def send_all(talk: Talk) -> None:
    """Answer 30 MB, as far as they are taken."""
    talk.read()
    talk.send(compose(200, BIG))


TROUBLE = {
    "resets": at_once("reset"),
    "closes": at_once("close"),
    "is cut": say(compose(200, OK, length=99)),
    "is no HTTP": say(b"\x00\x01\x02\r\n\r\n"),
    "says 30 MB": send_all,
    "floods": flood,
    "is too long": answer(200, b"x" * (MAX_ANSWER + 1)),
    "is packed": answer(200, OK, {"Content-Encoding": "gzip"}),
    "moves": answer(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}),
    "moves for good": answer(308, b"", {"Location": "/get_details"}),
    "heads without end": say(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 60_000 + b"\r\n"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_no_answer_is_no_content(kind: str, name: str) -> None:
    """204 at once; the next call is passed on as ever, and a redirect leads nowhere."""
    with troubled(kind, TROUBLE[name], play) as (ask, vendor), ends_within(10):
        got = ask("POST", TR, BROWSER, FORM)
        assert (got.status, got.body) == (204, b"")
        assert "location" not in got.headers
        assert ask("POST", TR, BROWSER, FORM).status == 200
        assert ask("GET", "/", BROWSER).is_mine
    assert {request.line for request in vendor.requests} == {"POST /tr HTTP/1.1"}


def test_as_long_as_an_answer_may_be(kind: str) -> None:
    """The bound itself comes back whole."""
    body = b"x" * MAX_ANSWER
    with troubled(kind, answer(404, body)) as (ask, _):
        got = ask("POST", TR, BROWSER, FORM)
        assert (got.status, got.body) == (404, body)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [hang, drip(b" " * 99, first=compose(200, length=99))])
def test_a_silent_vendor_is_given_up(kind: str, trouble: Any) -> None:
    """After two seconds for the whole of the call, and then for a while it is not called."""
    with troubled(kind, trouble) as (ask, vendor), ends_within(PATIENCE):
        for _ in range(SLOW_TO_PAUSE):
            with ends_within(by_vendor.SECONDS + 8):
                assert ask("POST", TR, BROWSER, FORM).status == 204
        assert ask("POST", TR, BROWSER, FORM).status == 204
        assert len(vendor.requests) == SLOW_TO_PAUSE


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call may take long: what is looked at is how many there are."""
    monkeypatch.setattr(by_vendor, "SECONDS", PATIENCE)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(("kind", "slots"), [("wsgi", by_wsgi.SLOTS), ("asgi", by_asgi.SLOTS)])
def test_a_hanging_vendor_holds_a_few_threads(kind: str, slots: int) -> None:
    """Further calls go on without one, the script is served, other requests never wait."""
    go = threading.Event()

    def wait(talk: Talk) -> None:
        request = talk.read()
        if request.line.startswith("POST"):
            go.wait(PATIENCE)
        talk.send(compose(200, SCRIPT))

    with troubled(kind, wait) as (ask, vendor):
        assert ask("GET", FPR, BROWSER).body == SCRIPT
        found: list[int] = []
        threads = [
            threading.Thread(target=lambda: found.append(ask("POST", TR, BROWSER, FORM).status))
            for _ in range(slots)
        ]
        for thread in threads:
            thread.start()
        try:
            assert eventually(lambda: len(vendor.requests) == 1 + slots)
            assert [ask("POST", TR, BROWSER, FORM).status for _ in range(5)] == [204] * 5
            assert ask("GET", FPR, BROWSER).body == SCRIPT
            assert ask("GET", "/", BROWSER).is_mine
            assert len(vendor.requests) == 1 + slots
        finally:
            go.set()
            for thread in threads:
                thread.join(PATIENCE)
        assert found == [200] * slots
        assert ask("POST", TR, BROWSER, FORM).status == 200


@pytest.mark.usefixtures("bounded")
def test_a_script_that_does_not_come_holds_a_few_threads() -> None:
    """Without a copy, and without a free slot, the page goes without."""
    go = threading.Event()

    def wait(talk: Talk) -> None:
        talk.read()
        go.wait(PATIENCE)
        talk.send(compose(200, SCRIPT))

    with troubled("wsgi", wait) as (ask, vendor):
        found: list[bytes] = []
        threads = [
            threading.Thread(target=lambda: found.append(ask("GET", FPR, BROWSER).body))
            for _ in range(by_wsgi.SLOTS)
        ]
        for thread in threads:
            thread.start()
        try:
            assert eventually(lambda: len(vendor.requests) == 1)
            assert eventually(lambda: ask("GET", FPR, BROWSER).status == 204)
        finally:
            go.set()
            for thread in threads:
                thread.join(PATIENCE)
        assert found == [SCRIPT] * by_wsgi.SLOTS
        assert ask("GET", FPR, BROWSER).body == SCRIPT


def test_a_slow_vendor_is_said_once(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One WARNING a pause, without a word of the visitor's."""
    monkeypatch.setattr(by_limits, "SLOW_SECONDS", 0.0)
    with troubled(kind, answer(503)) as (ask, _):
        statuses = [ask("POST", TR, BROWSER, FORM).status for _ in range(SLOW_TO_PAUSE + 2)]

    assert statuses == [503] * SLOW_TO_PAUSE + [204, 204]
    (record,) = [one for one in caplog.records if "tracker is slow" in one.message]
    assert "HTTP status 503" in record.message
    assert "anna" not in caplog.text
