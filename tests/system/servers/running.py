"""Real servers: started on a port of the system's choice, stopped, started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from tests.support.programs import BIN, ROOT, clean_environment, find_port
from tests.support.waiting import eventually
from tests.system.servers.servers import PORT
from tests.system.servers.wire import Address, connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRINTED = re.compile(r"127\.0\.0\.1:([1-9]\d*)")


def find_missing(*distributions: str) -> list[str]:
    """Return which of these are not installed."""
    installed = {one.name.lower().replace("_", "-") for one in metadata.distributions()}
    return [name for name in distributions if name not in installed]


def require(*distributions: str) -> None:
    """Skip where one of these is not installed."""
    if missing := find_missing(*distributions):
        pytest.skip(f"not installed here: {', '.join(missing)}")


class Running:
    """One server.

    Args:
        command: Its console script and arguments, as in `servers`.
        app: What it serves, ``module:name``.
        folder: Where its output and its socket go; a short name, for the paths of sockets are
            short.
        environment: The ``FPROM_*`` settings.
    """

    def __init__(
        self, command: tuple[str, ...], app: str, folder: Path, environment: dict[str, str]
    ) -> None:
        self._command = command
        self._app = app
        self._folder = folder
        self._environment = environment
        self._log = folder / "output.log"
        self._path = folder / "socket"
        self._found: Address | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Address:
        """Where it listens."""
        assert self._found is not None
        return self._found

    @property
    def pid(self) -> int:
        """The process that was started; its workers have others."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._found = None
        self._path.unlink(missing_ok=True)
        values = {"app": self._app, "socket": str(self._path)}
        if any(PORT in word for word in self._command):
            port = find_port()
            values["port"] = str(port)
            self._found = ("127.0.0.1", port)
        program, *words = (word.format(**values) for word in self._command)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(BIN / program), *words],
                cwd=self._folder,
                # gunicorn keeps a control socket in the home directory.
                env=clean_environment(
                    HOME=str(self._folder),
                    PYTHONUNBUFFERED="1",
                    PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
                    **self._environment,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert eventually(self._listens), self.output()

    def output(self) -> str:
        """Return what it has printed since its last start."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it and what it started; gently first."""
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)

    def restart(self) -> None:
        """Stop it as a deployment does, and start it again."""
        self.stop()
        self.start()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output()
        printed = PRINTED.search(self.output())
        if self._path.exists():
            self._found = str(self._path)
        elif self._found is None and printed:
            self._found = ("127.0.0.1", int(printed[1]))
        if self._found is not None:
            with suppress(OSError):
                connect(self._found).close()
                return True
        return False


@contextmanager
def running(
    command: tuple[str, ...], app: str, folder: Path, environment: dict[str, str]
) -> Iterator[Running]:
    """Run a server for the length of the block."""
    server = Running(command, app, folder, environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()
