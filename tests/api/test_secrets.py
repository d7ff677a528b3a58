"""No log record of any library holds a credential or a visitor's data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import Fprom, Status, TrackingContext
from fprom_middleware.api.client import TrackingApi
from tests.api.conftest import calling
from tests.support.accounts import make_settings
from tests.support.misbehaving import SENT, answer, at_once, compose, drip, say, serving, tunnel

if TYPE_CHECKING:
    import ssl

    from fprom_middleware import Lead
    from tests.support.misbehaving import Behaviour

SECRETS = (
    "key-of-the-account",
    "visitor@example.com",
    "tid-of-the-visitor",
    "203.0.113.77",
    "uid-of-the-visitor",
    "proxy-password",
)
ECHO = b"visitor@example.com tid-of-the-visitor 203.0.113.77 key-of-the-account"

BEHAVIOURS: dict[str, Behaviour] = {
    "sent": answer(200, SENT),
    "rejected with an echo": answer(400, b'{"message": "' + ECHO + b' is blank"}'),
    "unreadable echo": answer(200, ECHO),
    "unauthorized": answer(401),
    "server error": answer(500, ECHO),
    "reset": at_once("reset"),
    "garbage": say(b"HTTP/1.1 what?\r\n\r\n"),
    "slow": drip(compose(200, SENT)),
}


def written(caplog: pytest.LogCaptureFixture) -> str:
    """Return all that any handler could write of the records."""
    return "\n".join(
        f"{record.name} {record.getMessage()} {record.msg} {record.args} {record.exc_text}"
        for record in caplog.records
    )


@pytest.mark.slow
@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS)
def test_debug_logs_of_every_library_hold_no_secret(
    lead: Lead, caplog: pytest.LogCaptureFixture, behave: Behaviour
) -> None:
    """With httpx and httpcore at DEBUG, too: they write names, addresses and no headers of ours."""
    caplog.set_level(logging.DEBUG)
    with serving(behave) as server, calling(server.url, timeout=0.5) as call:
        call(lead)
    text = written(caplog)
    assert "httpcore" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_debug_logs_of_a_tunnel_hold_no_secret(
    lead: Lead,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    server_tls: ssl.SSLContext,
) -> None:
    """Neither the API's credentials nor the proxy's."""
    caplog.set_level(logging.DEBUG)
    with serving(answer(200, SENT), tls=server_tls) as server, serving(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:proxy-password@127.0.0.1:{proxy.port}")
        with calling(server.url) as call:
            assert call(lead).status is Status.SENT
    text = written(caplog)
    assert "httpcore" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_a_call_that_broke_off_says_how_in_one_word(
    lead: Lead, caplog: pytest.LogCaptureFixture
) -> None:
    """The type of the error alone, at DEBUG: texts of httpx and h11 quote headers."""
    caplog.set_level(logging.DEBUG, logger="fprom_middleware")
    with serving(at_once("reset")) as server, calling(server.url) as call:
        call(lead)
    (record,) = [one for one in caplog.records if one.name.startswith("fprom_middleware")]
    assert record.levelno == logging.DEBUG
    assert "broke off" in record.getMessage()
    assert "Error" in record.getMessage()


def test_a_failed_sign_up_is_one_masked_error_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Inline delivery says what was lost, in a form that only its owner recognizes."""
    with serving(answer(503)) as server:
        fprom = Fprom(make_settings(base_url=server.url, delivery="inline"))
        context = TrackingContext(tid="tid-of-the-visitor", ip="203.0.113.77")
        receipt = fprom.track_signup(context, "visitor@example.com", uid="uid-of-the-visitor")
        fprom.close()
    assert receipt.status is Status.FAILED
    (record,) = [one for one in caplog.records if one.name.startswith("fprom_middleware")]
    assert record.levelno == logging.ERROR
    text = record.getMessage()
    assert "v***@example.com" in text
    assert "503" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_nothing_that_is_printed_holds_the_key() -> None:
    """Not the object's repr, nor that of what it is made of."""
    api = TrackingApi(make_settings(base_url="https://api.invalid"))
    assert "key-of-the-account" not in repr(api)
    assert "key-of-the-account" not in repr(vars(api))
