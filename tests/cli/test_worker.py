"""``worker``: drains for apps that do not, and ends within two seconds."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.cli import worker as module
from tests.cli.conftest import FPROM
from tests.support.api import late
from tests.support.leads import pending_in, sign_up_in
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Desk
    from tests.support.api import LoopbackApi


@pytest.fixture
def process(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A worker that has said hello."""
    with subprocess.Popen(
        [*FPROM, "worker"],
        env=environ | {"FPROM_WORKER": "none", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as one:
        try:
            assert one.stdout is not None
            assert one.stdout.readline().startswith("worker: account account-7, outbox /")
            yield one
        finally:
            one.kill()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leads_of_other_processes_are_sent_soon(
    number: signal.Signals,
    process: subprocess.Popen[str],
    environ: dict[str, str],
    loopback: LoopbackApi,
) -> None:
    """A sign-up elsewhere is noticed within a second or two; a signal ends the worker cleanly."""
    sign_up_in(environ, "ann@example.com")
    assert eventually(lambda: len(loopback.leads) == 1)
    sign_up_in(environ, "bob@example.com")
    assert eventually(lambda: len(loopback.leads) == 2)
    assert eventually(lambda: pending_in(environ) == 0)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)

    assert (process.returncode, err) == (0, "")
    assert out == "stopped; sent 2, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"


@pytest.mark.slow
def test_a_hanging_call_does_not_keep_it(
    process: subprocess.Popen[str], environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """Two seconds and it is gone; the lead is still in the outbox."""
    loopback.says = late(60)
    sign_up_in(environ, "ann@example.com")
    assert eventually(lambda: loopback.leads)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE)

    # Two seconds, and what a busy machine adds; the call would be given up after a minute.
    assert time.monotonic() - begun < 30
    assert process.returncode == 0
    assert out == "stopped; one call was in flight, its event is sent again later\n"
    assert pending_in(environ) == 1


def test_in_this_process(desk: Desk) -> None:
    """It sends, it stops, it says what it did."""
    desk.put("ann@example.com")
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM]).start()

    answer = desk("worker")

    assert answer.splitlines()[1] == (
        "stopped; sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending"
    )


def test_a_call_in_flight_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end does not wait longer than it says."""
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.05)
    go_on = threading.Event()
    desk.put("ann@example.com")

    def hang(_: object) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        go_on.wait(PATIENCE)
        return 200

    desk.api.says = hang
    try:
        assert "one call was in flight" in desk("worker")
    finally:
        go_on.set()
    for thread in threading.enumerate():
        if thread.name == "fprom-worker":
            thread.join(PATIENCE)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_worker_whose_drain_died_ends(error: type[BaseException], desk: Desk) -> None:
    """A supervisor sees it and starts another one; whatever it was, the status is not 0."""

    def drains() -> threading.Thread | None:
        return next((t for t in threading.enumerate() if t.name == "fprom-worker"), None)

    def kill() -> None:
        assert eventually(drains)
        thread = drains()
        assert thread is not None
        # As a time limit or a debugger raises it, wherever the thread is at the moment.
        raised = ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(error)
        )
        assert raised == 1

    killer = threading.Thread(target=kill)
    # Raised in a callback of the collector's, it would end that and not the thread.
    gc.disable()
    try:
        killer.start()
        answer = desk("worker", code=1)
        killer.join()
    finally:
        gc.enable()

    assert f"the drain was ended by {error.__name__}" in answer
    assert "stopped" not in answer


@pytest.mark.slow
@pytest.mark.parametrize("error", ["SystemExit", "asyncio.CancelledError", "KeyboardInterrupt"])
def test_a_hook_does_not_end_a_worker(
    error: str, environ: dict[str, str], loopback: LoopbackApi, tmp_path: Path
) -> None:
    """It is alive, and sends."""
    (tmp_path / "hooks.py").write_text(
        f"import asyncio\ndef on_outcome(lead, receipt): raise {error}\n"
    )
    hooked = environ | {"PYTHONPATH": str(tmp_path), "FPROM_ON_OUTCOME": "hooks.on_outcome"}
    sign_up_in(environ, "ann@example.com")
    with subprocess.Popen([*FPROM, "worker"], env=hooked, stdout=subprocess.PIPE) as process:
        assert eventually(lambda: len(loopback.leads) == 1)
        sign_up_in(environ, "bob@example.com")
        assert eventually(lambda: len(loopback.leads) == 2)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    assert process.returncode == 0


def test_without_an_outbox_it_does_not_start(desk: Desk) -> None:
    """A worker that has nothing to do says so at once."""
    assert "there is no outbox to drain" in desk("worker", code=2, delivery="inline")


@pytest.mark.slow
def test_a_disabled_account_waits(desk: Desk) -> None:
    """A staging area runs the same processes; none of them may crash in a loop."""
    threading.Timer(0.8, os.kill, [os.getpid(), signal.SIGTERM]).start()

    answer = desk("worker", enabled=False)

    assert answer.splitlines()[1] == "FPROM_ENABLED=false: nothing is sent. Ctrl-C stops waiting."
