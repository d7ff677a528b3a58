"""An app that is thrown away takes its thread with it."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import httpx

from fprom_middleware import Fprom, FpromSettings, TrackingContext

if TYPE_CHECKING:
    from pathlib import Path


def _workers() -> int:
    return sum(thread.name == "fprom-drain" for thread in threading.enumerate())


def test_a_thread_ends_with_its_app(tmp_path: Path) -> None:
    """What was handed in is sent first, then the thread of a collected Fprom ends."""
    arrived: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        arrived.append(request)
        return httpx.Response(200, json={"id": 1})

    before = _workers()
    settings = FpromSettings(
        api_key="key-of-a-test", account_id="test", outbox_url=f"sqlite:///{tmp_path}/outbox.db"
    )
    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        fprom = Fprom(settings, client=client)
        fprom.track_signup(TrackingContext(tid="a-tid-of-a-test"), "kim@example.com")
        assert _workers() == before + 1
        del fprom
        gc.collect()
        ends = time.monotonic() + 20
        while _workers() > before and time.monotonic() < ends:
            time.sleep(0.01)
    assert _workers() == before
    assert len(arrived) == 1
