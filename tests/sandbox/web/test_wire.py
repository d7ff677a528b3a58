"""Answers on a real socket: late, cut, reset, or none."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.trouble import Trouble
from tests.sandbox.serving import serving
from tests.support.waiting import PATIENCE, ends_within, eventually

KEY = {"authorization": "Bearer sandbox-key", "account-id": "sandbox-account"}
LEAD = {"uid": "1", "ref_id": "anna"}


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a double that knows a promoter."""
    return FirstPromoterDouble(ref_ids=["anna"])


def post(url: str, read: float = PATIENCE) -> httpx.Response:
    """Make a sign-up call; wait so long for its answer."""
    timeout = httpx.Timeout(PATIENCE, read=read)
    return httpx.post(
        f"{url}/api/v2/track/signup", json=LEAD, headers=KEY, trust_env=False, timeout=timeout
    )


def test_a_slow_answer_comes_after_all(double: FirstPromoterDouble) -> None:
    """It is late, and right."""
    double.trouble = Trouble("slow", next=1, delay=0.3)
    with serving(double) as url:
        began = time.monotonic()
        assert post(url).status_code == 200
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("answer", "error"),
    [("reset", httpx.ReadError), ("cut", httpx.RemoteProtocolError)],
)
def test_a_broken_connection_is_one(
    double: FirstPromoterDouble,
    capfd: pytest.CaptureFixture[str],
    answer: str,
    error: type[Exception],
) -> None:
    """The client sees what a broken network looks like; the next call is as usual."""
    double.trouble = Trouble(answer, next=1)
    with serving(double) as url:
        with pytest.raises(error):
            post(url)
        assert post(url).status_code == (422 if answer == "cut" else 200)

    assert capfd.readouterr().err == ""


def test_nothing_comes(double: FirstPromoterDouble, capfd: pytest.CaptureFixture[str]) -> None:
    """The client's own time limit ends it, and the server is none the worse."""
    double.trouble = Trouble("nothing", next=1)
    with serving(double) as url:
        with pytest.raises(httpx.ReadTimeout):
            post(url, read=0.3)
        assert post(url).status_code == 200

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("answer", ["nothing", "slow"])
def test_a_held_call_does_not_hold_up_the_end(
    double: FirstPromoterDouble, capfd: pytest.CaptureFixture[str], answer: str
) -> None:
    """Ctrl-C ends the sandbox at once, whatever it keeps waiting."""
    double.trouble = Trouble(answer, delay=60 if answer == "slow" else 0)
    failures: list[Exception] = []

    def call(url: str) -> None:
        try:
            post(url)
        except httpx.HTTPError as error:
            failures.append(error)

    with ends_within(PATIENCE / 2):
        with serving(double) as url:
            caller = threading.Thread(target=call, args=(url,))
            caller.start()
            assert eventually(lambda: double.attempts)
        caller.join(PATIENCE)

    assert len(failures) == (1 if answer == "nothing" else 0)
    assert capfd.readouterr().err == ""
