"""The demo as a person runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.support.programs import find_port
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = Path(__file__).resolve().parents[3] / "examples" / "demo.py"
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary files can be counted."""
    return os.environ | {"TMPDIR": str(tmp_path)}


def once(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run the demo that checks itself."""
    return subprocess.run(
        [sys.executable, DEMO, "--once", *options],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_once_is_right(environment: dict[str, str], tmp_path: Path) -> None:
    """Both shops' customers buy and leave, the referred ones by a lead; nothing is left behind."""
    done = once(environment)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    rows = {line[1]: line[3:] for line in lines if line and line[0] in {"flask", "starlette"}}
    earned = ["200", "200", "200", "200", "anna", "+480,", "anna", "-480"]
    assert rows["berta"] == ["203.0.113.7", *earned]
    assert rows["dora"] == ["198.51.100.7", *earned]
    for organic in ("carl", "emil"):
        assert rows[organic] == ["-", "-", "404", "204", "204", "-"]
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_once_tells_a_wrong_address(environment: dict[str, str]) -> None:
    """With a proxy nobody named the visitor's address is lost: the demo says so and fails."""
    done = once(environment, "--trusted-proxies", "0")
    assert done.returncode == 1
    assert "berta of the flask shop has ip None, not 203.0.113.7" in done.stdout
    assert "dora of the starlette shop has ip None, not 198.51.100.7" in done.stdout
    assert "--- output of flask" in done.stdout


def test_once_shows_why_a_server_did_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    """A shop with a wrong setting ends the demo with that shop's own words."""
    done = once(environment, "--trusted-proxies", "10.0.0.0/33")
    assert done.returncode == 1
    assert "Not right: flask" in done.stdout
    assert "FPROM_TRUSTED_PROXIES" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def live(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The demo to look at, running; the first port it asks for is taken, the second is free."""
    with (
        socket.create_server(("127.0.0.1", 0)) as busy,
        subprocess.Popen(
            [sys.executable, DEMO, "--ports", str(busy.getsockname()[1]), str(find_port())],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        yield process
        # Gently, also after a failed test: it has servers to stop.
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def invitation(process: subprocess.Popen[str]) -> str:
    """Read what the demo prints until it asks for Ctrl-C."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    return "".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_live_runs_until_it_is_stopped(
    live: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    """It names two addresses that answer and a link to follow; a signal ends all of it."""
    text = invitation(live)
    link = re.search(r"http://\S+/\?fpr=anna", text)
    assert link is not None, text
    assert httpx.get(link[0], trust_env=False, timeout=PATIENCE).status_code == 200
    ports = {int(port) for port in ADDRESS.findall(text)}
    assert len(ports) == 2
    for port in ports:
        assert (
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, timeout=PATIENCE).status_code
            == 200
        )

    page = re.search(r"http://\S+/(?=\n)", text)
    assert page is not None, text
    answer = httpx.get(page[0], trust_env=False, timeout=PATIENCE)
    assert f'href="{link[0]}"' in answer.text

    live.send_signal(number)
    _, errors = live.communicate(timeout=PATIENCE)
    assert (live.returncode, errors) == (0, "")
    assert list(tmp_path.iterdir()) == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stop_while_it_starts(live: subprocess.Popen[str], tmp_path: Path) -> None:
    """A signal before anything is up ends it as cleanly."""
    time.sleep(0.4)
    live.send_signal(signal.SIGTERM)
    _, errors = live.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
