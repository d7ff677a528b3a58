"""The app under real servers, started and killed by process id."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.support import accounts
from tests.support.programs import BIN, ROOT, clean_environment, find_port
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.system.faults.double import Double

APP = "tests.system.faults.app"
STOP_SECONDS = 25.0


def gunicorn(*options: str, workers: int = 1, app: str = "wsgi") -> tuple[str, ...]:
    """Return gunicorn's command; a killed master's workers must not keep its port."""
    return (
        *(str(BIN / "gunicorn"), f"{APP}:{app}", "--bind=127.0.0.1:{port}", "--reuse-port"),
        *(f"--workers={workers}", "--no-control-socket", "--log-level=warning", *options),
    )


SERVERS: dict[str, tuple[str, ...]] = {
    "uvicorn": (
        *(sys.executable, "-m", "uvicorn", f"{APP}:asgi", "--port={port}"),
        "--log-level=warning",
    ),
    "gunicorn": gunicorn(),
    "gunicorn-uvicorn": gunicorn("--worker-class=uvicorn.workers.UvicornWorker", app="asgi"),
    "hypercorn": (*(sys.executable, "-m", "hypercorn", f"{APP}:asgi", "--bind=127.0.0.1:{port}"),),
    "granian": (
        *(str(BIN / "granian"), "--interface=asgi", "--port={port}", "--no-ws"),
        *("--log-level=warning", f"{APP}:asgi"),
    ),
    "waitress": (*(str(BIN / "waitress-serve"), "--listen=127.0.0.1:{port}", f"{APP}:wsgi"),),
}


def fprom_environment(double: Double, outbox_url: str, **settings: str) -> dict[str, str]:
    """Return the FPROM_* variables of an app whose calls go to the double."""
    given = {"outbox_url": outbox_url, "timeout": "1", "rate_limit": "1000000", **settings}
    named = {f"FPROM_{name.upper()}": value for name, value in given.items()}
    return accounts.fprom_environment(double.url, **named)


class Server:
    """One server and all its processes.

    Args:
        command: What starts it; ``{port}`` stands for the port.
        environment: Variables beside those of this process.
        log: Where what it says goes.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.port = find_port()
        self.kills = 0
        self._command = [part.format(port=self.port) for part in command]
        self._environment = clean_environment(PYTHONPATH=str(ROOT), **environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        # By process id, when each was born: an id may be given to somebody else later.
        self._born: dict[int, str] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_all()

    @property
    def log(self) -> str:
        """What the server said."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._log.parent,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        assert eventually(self._is_ready), f"the server does not answer:\n{self.log[-4000:]}"

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended:\n{self.log[-4000:]}"
        with suppress(OSError, http.client.HTTPException):
            self.get("/ready")
            return True
        return False

    def get(self, path: str) -> Any:
        """Return the JSON of one of the app's own pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def ask_all(self, path: str, processes: int) -> dict[int, Any]:
        """Return what each process answers, by its id."""
        found: dict[int, Any] = {}

        def ask() -> bool:
            with suppress(OSError, http.client.HTTPException):
                pid, answer = self.get(path)
                found[pid] = answer
            return len(found) >= processes

        assert eventually(ask), f"only {len(found)} of {processes} processes answer"
        return found

    @property
    def master(self) -> int:
        """The process that was started."""
        assert self._process is not None
        return self._process.pid

    def workers(self) -> list[int]:
        """Return the processes below it."""
        found = []
        waiting = [self.master]
        while waiting:
            for child in _children(waiting.pop()):
                self._born[child] = _birth(child)
                found.append(child)
                waiting.append(child)
        return found

    def kill_worker(self) -> None:
        """Kill the youngest worker; the master starts another."""
        workers = self.workers()
        if workers:
            self._kill(workers[-1])

    def kill_master(self) -> None:
        """Kill the master, and start anew while its orphans still wind up."""
        self.workers()
        self._kill(self.master)
        self._reap()
        self.start()

    def kill_all(self) -> None:
        """Kill whatever is left of all that was ever started here."""
        if self._process is None:
            return
        self.workers()
        if self._process.poll() is None:
            self._kill(self.master)
        self._reap()
        for pid in list(self._born):
            self._kill(pid)

    def terminate(self) -> float:
        """Send SIGTERM to the master as a deploy does.

        Returns:
            Seconds until every process was gone.
        """
        assert self._process is not None
        workers = self.workers()
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        while any(map(self._lives, workers)) and time.monotonic() - began < STOP_SECONDS:
            time.sleep(0.005)
        return time.monotonic() - began

    def _reap(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_SECONDS)

    def _lives(self, pid: int) -> bool:
        return bool(self._born.get(pid)) and _birth(pid) == self._born[pid]

    def _kill(self, pid: int) -> None:
        if pid == self.master or self._lives(pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _birth(pid: int) -> str:
    """Return when a process began; empty where it is gone, or dead and not yet buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
