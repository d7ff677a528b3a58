"""docs/cron.md: every command line that it shows, run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.documents.recipes.documents import DOCS, block
from tests.support.leads import pending_in, sign_up_in
from tests.support.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.api import LoopbackApi

WAIT = 60


@pytest.fixture
def shop(environ: dict[str, str], tmp_path: Path) -> Path:
    """The document's /srv/shop: a virtual environment, and the settings file."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / ".venv" / "bin").mkdir(parents=True)
    fprom = Path(sys.executable).parent / "fprom"
    (folder / ".venv" / "bin" / "fprom").symlink_to(fprom)
    text = moved(block("cron.md", "ini", "# /srv/shop/fprom.env"), folder)
    for key in ("FPROM_API_KEY", "FPROM_ACCOUNT_ID"):
        text = text.replace(f"{key}=...", f"{key}={environ[key]}")
    (folder / "fprom.env").write_text(text + f"FPROM_BASE_URL={environ['FPROM_BASE_URL']}\n")
    return folder


def moved(text: str, folder: Path) -> str:
    """Put the test's folder in the place of the document's."""
    return text.replace("/srv/shop", str(folder))


def settings_of(shop: Path) -> dict[str, str]:
    """Read the settings file as systemd does."""
    lines = (shop / "fprom.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """Cron's own environment: next to nothing."""
    return {"PATH": os.defpath, "HOME": environ.get("HOME", "/")}


def test_the_crontab_line_sends_what_waits(
    shop: Path, environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """By /bin/sh, as cron runs it; the log says what was done."""
    settings = settings_of(shop)
    sign_up_in(settings, "ann@example.com", "bob@example.com")
    (line,) = block("cron.md", "crontab").splitlines()
    schedule, command = line[:10], line[10:]

    subprocess.run(
        ["/bin/sh", "-c", moved(command, shop)], env=bare(environ), timeout=WAIT, check=True
    )

    assert schedule == "* * * * * "
    assert loopback.emails == ["ann@example.com", "bob@example.com"]
    assert (shop / "fprom.log").read_text().startswith("sent 2, ")
    assert pending_in(settings) == 0


def test_the_cron_jobs_command_sends_what_waits(
    shop: Path, environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """The list of words in the YAML, with the secret as the environment."""
    found = re.search(r"^ +command: (\[.*\])$", block("cron.md", "yaml"), re.MULTILINE)
    assert found is not None
    settings = settings_of(shop)
    sign_up_in(settings, "ann@example.com")

    subprocess.run(
        json.loads(found[1]),
        env=environ | settings,
        timeout=WAIT,
        check=True,
        stdout=subprocess.DEVNULL,
    )

    assert loopback.emails == ["ann@example.com"]


def test_the_timers_service_sends_what_waits(
    shop: Path, environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """ExecStart and EnvironmentFile as systemd reads them: no shell."""
    unit = block("cron.md", "ini", "# /etc/systemd/system/fprom-drain.service")
    keys = dict(line.split("=", 1) for line in moved(unit, shop).splitlines() if "=" in line)
    assert keys["EnvironmentFile"] == str(shop / "fprom.env")
    sign_up_in(settings_of(shop), "ann@example.com")

    subprocess.run(
        shlex.split(keys["ExecStart"]),
        cwd=keys["WorkingDirectory"],
        env=bare(environ) | settings_of(shop),
        timeout=WAIT,
        check=True,
        stdout=subprocess.DEVNULL,
    )

    assert loopback.emails == ["ann@example.com"]


def test_the_worker_service_stays_and_stops(
    shop: Path, environ: dict[str, str], loopback: LoopbackApi
) -> None:
    """It sends what comes later too, and ends at systemd's SIGTERM with exit code 0."""
    unit = block("cron.md", "ini", "# /etc/systemd/system/fprom-worker.service")
    keys = dict(line.split("=", 1) for line in moved(unit, shop).splitlines() if "=" in line)
    with subprocess.Popen(
        shlex.split(keys["ExecStart"]),
        cwd=keys["WorkingDirectory"],
        env=bare(environ) | settings_of(shop),
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            for number in (1, 2):
                sign_up_in(settings_of(shop), f"v{number}@example.com")
                assert eventually(lambda: pending_in(settings_of(shop)) == 0)
            process.terminate()
            assert process.wait(PATIENCE) == 0
            assert loopback.emails == ["v1@example.com", "v2@example.com"]
        finally:
            process.kill()


def test_the_options_of_the_table_exist() -> None:
    """And the document names them all."""
    options = re.findall(r"^\| `(--\w+)", (DOCS / "cron.md").read_text(), re.MULTILINE)
    done = subprocess.run(
        [str(Path(sys.executable).parent / "fprom"), "drain", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert sorted(options) == sorted(
        set(re.findall(r"^  (--\w+)", done.stdout, re.MULTILINE)) - {"--help"}
    )
