"""The commands in front of one account, whose API and clock are the test's own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from fprom_middleware import TrackingContext
from fprom_middleware.cli.group import make_group
from fprom_middleware.cli.source import SettingsSource
from tests.support.accounts import fprom_environment
from tests.support.programs import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from fprom_middleware import Fprom
    from tests.support.api import Api, LoopbackApi
    from tests.support.clock import Clock
    from tests.support.fixtures import MakeFprom


FPROM = (
    sys.executable,
    "-c",
    "from fprom_middleware.cli.main import main; main(prog_name='fprom')",
)


class Desk:
    """Runs commands for an account whose outbox is a file."""

    def __init__(self, url: str, clock: Clock, api: Api, make: MakeFprom) -> None:
        self.url, self.clock, self.api = url, clock, api
        self._make = make
        self.fprom = self.make()

    def make(self, **more: Any) -> Fprom:
        """Make an account, which the test's end closes."""
        return self._make(self.url, **more)

    def put(self, *emails: str) -> None:
        """Hand in sign-ups."""
        for email in emails:
            context = TrackingContext(tid="tid-of-a-visitor", ip="203.0.113.77")
            assert self.fprom.track_signup(context, email).durable

    def reject(self, *emails: str) -> None:
        """Hand in sign-ups that the API refuses."""
        self.put(*emails)
        before, self.api.says = self.api.says, 400
        assert self.fprom.drain()["rejected"] == len(emails)
        self.api.says = before

    def __call__(self, *arguments: str, code: int = 0, **more: Any) -> str:
        """Run a command and return what it prints; it must end with this code."""
        fprom = self.make(**more) if more else self.fprom
        return run(
            SettingsSource(lambda: fprom, "the test", shared=True), *arguments, code=code
        ).output


def run(source: SettingsSource, *arguments: str, code: int = 0) -> Result:
    """Run a command with the settings of a source."""
    result = CliRunner().invoke(make_group(source), list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def run_fprom(
    command: str, environ: dict[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run ``fprom`` as an operator does, in a process and a folder."""
    return subprocess.run(
        [*FPROM, *command.split()],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def desk(sqlite_url: str, clock: Clock, api: Api, make: MakeFprom) -> Desk:
    """An account with an empty outbox."""
    return Desk(sqlite_url, clock, api, make)


@pytest.fixture
def environ(loopback: LoopbackApi, sqlite_url: str) -> dict[str, str]:
    """An environment for a process: the settings, and nothing else of ours."""
    return clean_environment(**fprom_environment(loopback.url, FPROM_OUTBOX_URL=sqlite_url))
