"""The ``fprom`` command: what it offers, and what it says without its extra."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version

from click.testing import CliRunner

from fprom_middleware.cli.main import main

WITHOUT_CLICK = """
import sys
sys.modules["click"] = None
from fprom_middleware.cli.main import main
"""


def test_help_lists_the_commands() -> None:
    """A newcomer finds the sandbox."""
    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0
    assert "sandbox  Run a local FirstPromoter" in result.output


def test_the_version_is_the_distributions() -> None:
    """The first line of a bug report."""
    result = CliRunner().invoke(main, ["--version"])

    assert result.output == f"fprom, version {version('fprom-middleware')}\n"


def test_the_installed_script_is_this_command() -> None:
    """The distribution installs it under the name fprom."""
    (script,) = entry_points(group="console_scripts", name="fprom")

    assert script.load() is main


def test_without_click_the_extra_is_named() -> None:
    """One message without a traceback, and the line to type."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_CLICK], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert 'pip install "fprom-middleware[sandbox]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_help_needs_no_server() -> None:
    """Asking for help imports neither Starlette nor uvicorn."""
    code = (
        "import sys, fprom_middleware.cli.main;"
        "sys.exit(bool({'starlette', 'uvicorn'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
