"""Programs in processes of their own, and the environment they are given."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OURS = ("FPROM_", "DJANGO_", "COV", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "FORWARDED_ALLOW_IPS")
"""What variables of the machine's are not handed on begin with, in capitals."""


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would change ours, and with more."""
    kept = {key: value for key, value in os.environ.items() if not key.upper().startswith(OURS)}
    return kept | {"PATH": os.pathsep.join([str(BIN), kept.get("PATH", "")])} | more


def find_port() -> int:
    """Return a port of this machine on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def start_program(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Start a Python program."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=clean_environment(PYTHONPATH=os.pathsep.join(sys.path), **environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_program(code: str, *arguments: object, within: float = 60.0, **environment: str) -> str:
    """Run a Python program to its end and return what it printed."""
    with start_program(code, *arguments, **environment) as process:
        try:
            out, err = process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0, err
    return out
