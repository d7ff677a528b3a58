"""FPROM_DELIVERY=memory, and what is said where tests run without it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio
import pytest

from fprom_middleware import Fprom, FpromSettings, Receipt, Status, TrackingContext
from fprom_middleware.delivery.memory import KEPT, MemoryDelivery
from tests.support.accounts import make_settings
from tests.support.misbehaving import SENT, answer, serving
from tests.support.programs import run_program

if TYPE_CHECKING:
    from pathlib import Path

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


PROGRAM = """
import logging, os, sys
for key in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
    os.environ.pop(key, None)
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
from fprom_middleware import Fprom, TrackingContext
def sign_up(delivery, url="https://api.invalid"):
    fprom = Fprom({"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a", "FPROM_BASE_URL": url,
                   "FPROM_DELIVERY": delivery, "FPROM_WORKER": "none",
                   "FPROM_OUTBOX_URL": "sqlite:///" + sys.argv[1] + "/outbox.db"})
    for number in range(2):
        fprom.track_signup(TrackingContext(tid="t"), uid=number)
    fprom.close()
"""
DJANGO = (
    PROGRAM
    + """
from django.conf import settings
settings.configure()
sign_up("outbox")
print("tests begin", flush=True)
from django.test.utils import setup_test_environment
setup_test_environment()
sign_up("outbox")
sign_up("memory")
"""
)
FLASK = (
    PROGRAM
    + """
import flask
app = flask.Flask("shop")
with app.app_context():
    sign_up("outbox")
print("tests begin", flush=True)
app.testing = True
with app.app_context():
    sign_up("outbox")
    sign_up("memory")
"""
)


@pytest.mark.parametrize(
    ("program", "runner"), [(DJANGO, "Django's test runner"), (FLASK, "Flask's TESTING")]
)
def test_a_framework_s_own_tests_are_known(program: str, runner: str, tmp_path: Path) -> None:
    """Before them nothing is said; with the mode for tests nothing either."""
    before, _, after = run_program(program, tmp_path).partition("tests begin\n")
    assert before == ""
    assert after.count("WARNING") == 1
    assert f"under {runner} goes" in after


def test_the_mode_for_tests_outside_of_tests_is_said(tmp_path: Path) -> None:
    """Once: nothing will ever be sent."""
    out = run_program(PROGRAM + 'sign_up("memory")', tmp_path)
    assert out.count("WARNING FPROM_DELIVERY=memory sends nothing") == out.count("\n") == 1


def test_a_disabled_account_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """It hands nothing in, whatever its delivery."""
    fprom = Fprom(FpromSettings(enabled=False, delivery="memory"))
    assert fprom.track_signup(VISITOR, uid=1).status is Status.SKIPPED
    assert caplog.records == []
