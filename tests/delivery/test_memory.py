"""FPROM_DELIVERY=memory, and what is said where tests run without it."""

from __future__ import annotations

import logging
import sys

import anyio
import flask
import pytest
from django.core import mail

from fprom_middleware import Fprom, FpromSettings, Receipt, Status, TrackingContext
from fprom_middleware.delivery.memory import KEPT, MemoryDelivery
from fprom_middleware.delivery.under_test import find_runner
from tests.support.accounts import make_settings
from tests.support.misbehaving import SENT, answer, serving

VISITOR = TrackingContext(tid="t")


def delivery_of(fprom: Fprom) -> MemoryDelivery:
    """Return what works behind an account."""
    delivery = fprom.delivery
    assert isinstance(delivery, MemoryDelivery)
    return delivery


@pytest.mark.parametrize("kind", ["sync", "asyncio", "trio"])
@pytest.mark.parametrize("session", [None, object()])
def test_what_is_handed_in_is_kept_and_not_sent(kind: str, session: object) -> None:
    """The receipt is the outbox's; any session will do, for nothing is written into it."""
    fprom = Fprom(make_settings(delivery="memory", base_url="http://127.0.0.1:9"))

    async def sign_up() -> Receipt:
        return await fprom.track_signup_async(VISITOR, "a@b.example", session=session)

    if kind == "sync":
        receipt = fprom.track_signup(VISITOR, "a@b.example", session=session)
    else:
        receipt = anyio.run(sign_up, backend=kind)
    assert receipt == Receipt(Status.QUEUED, durable=True, event=receipt.event)
    assert delivery_of(fprom).events == [receipt.event]
    assert fprom.stats().pending == 1
    assert sum(fprom.drain().values()) == 0
    fprom.start_worker()
    fprom.close()


def test_what_is_not_sent_is_not_kept_either() -> None:
    """The decision is the same: an organic visitor is no lead."""
    fprom = Fprom(make_settings(delivery="memory"))
    assert fprom.track_signup(TrackingContext(), "a@b.example").status is Status.SKIPPED
    assert delivery_of(fprom).events == []


def test_it_is_bounded() -> None:
    """Turned on by mistake it does not eat the machine."""
    fprom = Fprom(make_settings(delivery="memory"))
    for number in range(KEPT + 5):
        fprom.track_signup(VISITOR, uid=number)
    assert len(delivery_of(fprom).events) == KEPT
    assert delivery_of(fprom).events[0].uid == "5"


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said as a warning."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize("delivery", ["outbox", "inline"])
def test_a_real_delivery_under_pytest_is_said_once(
    delivery: str,
    sqlite_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A made-up lead must not go out with the real ones."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    settings = make_settings(sqlite_url, delivery=delivery, timeout=1)
    fprom = Fprom(settings)
    fprom.track_signup(TrackingContext(), uid=1)
    assert warnings_of(caplog) == []
    for number in range(3):
        fprom.track_signup(VISITOR, uid=number)
    fprom.close()
    (line,) = warnings_of(caplog)
    assert "under pytest" in line
    assert "FPROM_DELIVERY=memory" in line


@pytest.mark.parametrize("delivery", ["inline", "memory"])
def test_nothing_is_said_where_nothing_real_is_reached(
    delivery: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The mode for tests, or an API on this machine."""
    with serving(answer(200, SENT)) as server:
        fprom = Fprom(make_settings(delivery=delivery, base_url=server.url))
        fprom.track_signup(VISITOR, uid=1)
        fprom.close()
    assert warnings_of(caplog) == []


def leave_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on as a real app does."""
    for key in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
        monkeypatch.delenv(key, raising=False)
    # What tests of Django apps leave in the process.
    monkeypatch.delattr(mail, "outbox", raising=False)


def in_memory() -> Fprom:
    """An account in the mode for tests."""
    return Fprom(make_settings(delivery="memory"))


def test_django_s_test_runner_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the outbox that it gives Django's mail."""
    leave_pytest(monkeypatch)
    assert find_runner() is None
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    assert find_runner() == "Django's test runner"


def test_flask_s_testing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the app whose request it is."""
    leave_pytest(monkeypatch)
    app = flask.Flask("shop")
    app.testing = True
    assert find_runner() is None
    with app.app_context():
        assert find_runner() == "Flask's TESTING"
        app.testing = False
        assert find_runner() is None


def test_no_framework_is_loaded_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, none is asked."""
    leave_pytest(monkeypatch)
    for name in ("flask", "django.core.mail"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert find_runner() is None
    assert {"flask", "django.core.mail"} & set(sys.modules) == set()


def test_the_mode_for_tests_outside_of_tests_is_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: nothing will ever be sent."""
    leave_pytest(monkeypatch)
    fprom = in_memory()
    for number in range(3):
        fprom.track_signup(VISITOR, uid=number)
    (line,) = warnings_of(caplog)
    assert line.startswith("FPROM_DELIVERY=memory sends nothing")


def test_a_real_delivery_outside_of_tests_is_right(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said of it."""
    leave_pytest(monkeypatch)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    Fprom(make_settings(delivery="inline", timeout=1)).track_signup(VISITOR, uid=1)
    assert warnings_of(caplog) == []


def test_a_disabled_account_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """It hands nothing in, whatever its delivery."""
    fprom = Fprom(FpromSettings(enabled=False, delivery="memory"))
    assert fprom.track_signup(VISITOR, uid=1).status is Status.SKIPPED
    assert caplog.records == []


def test_what_was_kept_outlives_the_app() -> None:
    """A test reads the list when the app, which closes its account, has ended."""
    fprom = Fprom(FpromSettings(api_key="k", account_id="a", delivery="memory"))
    fprom.track_cancellation(uid=7)

    fprom.close()
    fprom.track_cancellation(uid=8)

    assert [event.uid for event in delivery_of(fprom).events] == ["7", "8"]
