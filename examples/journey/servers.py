"""Servers of the demo: started on loopback, waited for, and always stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

import httpx

from .watch import DemoError, Watch, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

START_SECONDS = 15
STOP_SECONDS = 5
TAIL_LINES = 30

# Every server tells its address when it listens; so the system may choose the port,
# and no other process can take it in between.
_ADDRESS = re.compile(r"http://127\.0\.0\.1:[1-9]\d*")


class Server:
    """One server process.

    Args:
        name: What people read.
        command: Program and arguments.
        environment: All of the process's environment.
        folder: Its working directory; its output goes there too.

    Attributes:
        name: What people read.
        url: Where it answers, such as ``http://127.0.0.1:8750``.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.url = ""
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed list of arguments
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal goes to this process alone, which stops them in order.
                start_new_session=True,
            )

    def wait_until_ready(self, watch: Watch) -> None:
        """Wait until it answers.

        Raises:
            DemoError: It ended, or does not answer in time.
        """
        for _ in range(START_SECONDS * 20):
            watch.pause(0.05)
            self.check()
            found = _ADDRESS.search(self.output())
            if found and _answers(found[0]):
                self.url = found[0]
                return
        msg = f"{self.name} does not answer"
        raise DemoError(msg)

    def check(self) -> None:
        """Raise DemoError if the process has ended."""
        code = self._process.poll()
        if code is not None:
            msg = f"{self.name} ended with exit code {code}"
            raise DemoError(msg)

    def output(self) -> str:
        """Return what it has printed so far."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """Stop it and whatever it started; gently first."""
        with suppress(subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)


class Servers:
    """All servers of one run; the end of the ``with`` block stops them, last started first."""

    def __init__(self) -> None:
        self._all: list[Server] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if kind is not None and issubclass(kind, DemoError):
            for server in self._all:
                lines = server.output().splitlines()[-TAIL_LINES:]
                say(f"\n--- output of {server.name}")
                say("\n".join(lines))

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> Server:
        """Start one more; `Server.wait_until_ready` waits for it."""
        server = Server(name, command, environment, folder)
        self._all.append(server)
        self._stack.callback(server.stop)
        return server

    def check(self) -> None:
        """Raise DemoError if one of them has ended."""
        for server in self._all:
            server.check()


def port_or_any(preferred: int) -> int:
    """Return the port where it is free, else 0: any."""
    with socket.socket() as probe:
        # As servers do: a connection that is still closing does not occupy the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return 0
    return preferred


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
