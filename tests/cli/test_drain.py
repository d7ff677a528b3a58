"""``drain``: sends what is due, says what came of it, and stops when it is told to."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Fprom
from fprom_middleware.cli.source import SettingsSource
from fprom_middleware.cli.terminal import Terminal
from tests.cli.conftest import FPROM, run
from tests.support.accounts import make_settings
from tests.support.api import LoopbackApi, late
from tests.support.leads import VISITOR, sign_up_in
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

EMAILS = ("ann@example.com", "bob@example.com", "eve@example.com")
WAIT = 20
NOTHING = "sent 0, duplicate 0, skipped 0, rejected 0, due later 0"


def test_what_is_due_is_sent_and_counted(desk: Desk) -> None:
    """One plain line with the figures."""
    desk.put("ann@example.com", "bob@example.com")

    assert desk("drain") == "sent 2, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"
    assert len(desk.api.seen) == 2


def test_an_empty_outbox_is_no_failure(desk: Desk) -> None:
    """Cron must not send mail about nothing; with --wait there is nothing to wait for."""
    for option in ((), ("--wait",)):
        assert (
            desk("drain", *option)
            == "sent 0, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"
        )


def test_the_limit_counts_calls(desk: Desk) -> None:
    """The rest stays where it is."""
    desk.put("ann@example.com", "bob@example.com", "cat@example.com")

    assert desk("drain", "--limit", "2").endswith("; 1 pending\n")
    assert len(desk.api.seen) == 2


def test_a_refused_key_is_explained(desk: Desk) -> None:
    """What to set, that nothing is lost, when the next try is; and cron sees exit code 1."""
    desk.put("ann@example.com")
    desk.api.says = 401

    answer = desk("drain", code=1)

    assert answer.startswith("sent 0, duplicate 0, skipped 0, rejected 0, due later 1; 1 pending\n")
    assert "paused since 2027-01-15T08:00:00Z: unauthorized. Check FPROM_API_KEY" in answer
    assert "The next try is at 2027-01-15T08:05:00Z; once they are right, `fprom resume`" in answer


def test_another_pause_ends_by_itself(desk: Desk) -> None:
    """A busy API needs no operator."""
    desk.put("ann@example.com")
    desk.api.says = 429

    assert "rate_limited. It ends by itself" in desk("drain")


def test_the_seconds_end_a_drain_that_waits(desk: Desk) -> None:
    """What is due later does not keep a cron job for ever."""
    desk.put("ann@example.com")
    desk.api.says = 503

    assert desk("drain", "--wait", "--seconds", "0.3").endswith("due later 1; 1 pending\n")


def test_waiting_goes_on_until_nothing_is_pending(desk: Desk) -> None:
    """What is due later is waited for."""
    desk.put("ann@example.com")
    desk.api.says = lambda _: 503 if len(desk.api.seen) < 3 else 200

    def ticking() -> float:
        desk.clock.later(1)
        return desk.clock()

    with closing(Fprom(make_settings(desk.url), clock=ticking, client=desk.api.client)) as fprom:
        answer = run(SettingsSource(lambda: fprom, "the test", shared=True), "drain", "--wait")

    assert answer.output == "sent 1, duplicate 0, skipped 0, rejected 0, due later 2; 0 pending\n"


def test_a_watcher_outlives_an_outage_of_the_database(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once a try, and goes on where the disk takes the outbox again."""
    place = tmp_path / "place"
    place.write_text("a file where the folder should be")
    fprom = desk.make(outbox_url=f"sqlite:///{place / 'outbox.db'}")

    def mend() -> None:
        assert eventually(lambda: caplog.messages)
        place.unlink()
        fprom.track_signup(VISITOR, "ann@example.com")
        assert eventually(lambda: desk.api.seen)
        os.kill(os.getpid(), signal.SIGTERM)

    mending = threading.Thread(target=mend)
    mending.start()
    answer = run(SettingsSource(lambda: fprom, "the test", shared=True), "drain", "--watch")
    mending.join()

    assert answer.output == "sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"
    assert caplog.messages[0].startswith("The outbox cannot be drained (")


@pytest.mark.parametrize("command", ["drain --watch", "worker"])
def test_what_waiting_does_not_heal_ends_a_watcher(
    command: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of another version are told, and a supervisor sees exit code 2."""
    desk.put("ann@example.com")
    monkeypatch.setattr("fprom_middleware.database.tables.VERSION", 1)
    desk.fprom.close()

    assert "outbox tables are of a newer version" in desk(*command.split(), code=2)


@pytest.mark.parametrize("other", ["--wait", "--limit=1", "--seconds=1"])
def test_a_watcher_has_no_other_end(desk: Desk, other: str) -> None:
    """What contradicts itself is a mistake of use."""
    assert "leave out --limit, --seconds and --wait" in desk("drain", "--watch", other, code=2)


@pytest.mark.parametrize("settings", [{"enabled": False}, {"delivery": "inline"}])
def test_an_account_that_sends_nothing_says_why(desk: Desk, settings: dict[str, Any]) -> None:
    """Nothing to do is no failure, in a staging area for instance."""
    desk.put("ann@example.com")

    assert re.match(r"FPROM_(ENABLED=false|DELIVERY=inline): ", desk("drain", **settings))
    assert desk.api.seen == []


def test_a_long_drain_says_how_it_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain lines with the moment, for a log."""
    monkeypatch.setattr("fprom_middleware.cli.drain.LINE_EVERY_SECONDS", 0.0)
    desk.put("ann@example.com")

    first, last = desk("drain").splitlines()

    assert (
        first
        == "2027-01-15T08:00:00Z sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending"
    )
    assert last == "sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending"


@pytest.mark.parametrize("limit", [(), ("--limit", "2")])
def test_a_person_sees_a_bar(
    desk: Desk, limit: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fills up to what there is to do; the figures stand below it all the same."""
    monkeypatch.setattr("fprom_middleware.cli.drain.terminal", Terminal)
    desk.put("ann@example.com", "bob@example.com", "cat@example.com")
    end = 2 if limit else 3

    answer = desk("drain", *limit)

    assert f"{end}/{end}" in answer
    assert answer.endswith(f"due later 0; {3 - end} pending\n")


@pytest.mark.slow
def test_a_terminal_gets_the_bar(environ: dict[str, str], loopback: LoopbackApi) -> None:
    """A real one."""
    sign_up_in(environ, *EMAILS)
    ours, theirs = pty.openpty()
    with subprocess.Popen([*FPROM, "drain"], env=environ, stdout=theirs) as process:
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 4096):
                seen += part
        except OSError:
            pass  # Linux reports the end of a terminal as an error.
        finally:
            os.close(ours)
    assert process.returncode == 0
    assert b"3/3" in seen
    assert b"\x1b[" in seen
    assert len(loopback.leads) == 3


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watcher_that_is_told_to_stop_finishes_its_call(
    number: signal.Signals, environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """The call in flight is finished and settled, the rest waits, the exit code is 0."""
    sign_up_in(environ, *EMAILS)
    loopback.says = late(0.7)
    with subprocess.Popen(
        [*FPROM, "drain", "--watch"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert eventually(lambda: loopback.leads)
        process.send_signal(number)
        out, err = process.communicate(timeout=WAIT)

    assert (process.returncode, err) == (0, "")
    assert out == "sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 2 pending\n"


def catches(pid: int, number: signal.Signals) -> bool:
    """Say whether a process has a handler for a signal."""
    status = dict(
        line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)


@pytest.mark.slow
def test_the_second_signal_ends_it_at_once(environ: dict[str, str], loopback: LoopbackApi) -> None:
    """Who presses Ctrl-C twice does not wait for a hanging API."""
    sign_up_in(environ, *EMAILS)
    loopback.says = late(60)
    with subprocess.Popen(
        [*FPROM, "drain"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert eventually(lambda: loopback.leads)
        process.send_signal(signal.SIGINT)
        # Two signals at once count as one; the first has been heeded once SIGTERM is let be.
        assert eventually(lambda: not catches(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT)

    # A finished call would have ended in 0.
    assert process.returncode == 1
    assert err.strip() == b"Aborted!"
