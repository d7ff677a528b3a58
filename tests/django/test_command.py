"""``manage.py fprom``: the third front door."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError, call_command

from fprom_middleware import TrackingContext
from fprom_middleware.django import get_fprom
from fprom_middleware.django.management.commands.fprom import Command
from tests.support.django import django_settings, file_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.api import LoopbackApi


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, loopback: LoopbackApi) -> Iterator[None]:
    with django_settings(FPROM_OUTBOX_URL=file_url(tmp_path), FPROM_BASE_URL=loopback.url):
        yield


def from_shell(*arguments: str) -> int:
    """Run as ``manage.py fprom …`` does; return the exit code."""
    with pytest.raises(SystemExit) as end:
        Command().run_from_argv(["manage.py", "fprom", *arguments])
    return int(end.value.code or 0)


def test_it_drains_what_the_app_handed_in(
    loopback: LoopbackApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Django's settings, and Django's own options out of the way."""
    # Both options change the process, as they do for every command of Django's.
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "another")
    monkeypatch.setattr(sys, "path", [*sys.path])
    get_fprom().track_signup(TrackingContext(tid="t1"), "ann@example.com")

    assert from_shell("drain", "--settings=shop.settings", "--pythonpath", ".", "--wait") == 0
    assert capsys.readouterr().out.startswith("sent 1, ")
    assert (os.environ["DJANGO_SETTINGS_MODULE"], sys.path[0]) == ("shop.settings", ".")
    assert loopback.emails == ["ann@example.com"]
    assert from_shell("check") == 0
    assert capsys.readouterr().out.startswith("Settings of Django; ")


def test_a_wrong_setting_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, as at the other doors."""
    with django_settings(FPROM_TIMEOUT="soon"):
        assert from_shell("check") == 2
    assert capsys.readouterr().err.startswith("Error: FPROM_TIMEOUT: 'soon' is not a number")


def test_help_is_clicks(capsys: pytest.CaptureFixture[str]) -> None:
    """By either way to ask for it."""
    assert from_shell("--help") == 0
    asked = capsys.readouterr().out
    Command().print_help("manage.py", "fprom")

    assert asked == capsys.readouterr().out
    assert "Usage: manage.py fprom [OPTIONS] COMMAND" in asked


def test_a_program_may_call_it() -> None:
    """``call_command``, with the output where it is wanted."""
    out = io.StringIO()
    # A look makes no outbox.
    call_command("fprom", "drain", stdout=io.StringIO())

    call_command("fprom", "outbox", "--limit", "3", stdout=out)

    assert out.getvalue().endswith("pending: 0\nrejected: 0\n")


def test_a_program_is_told_of_errors(loopback: LoopbackApi) -> None:
    """As Django's own exception, with the exit code that a shell would see."""
    call_command("fprom", "drain", stdout=io.StringIO())
    with pytest.raises(CommandError, match="there is no event 7") as error:
        call_command("fprom", "outbox", "show", "7")
    assert error.value.returncode == 1
    loopback.says = 401
    with pytest.raises(CommandError, match="exit code 1"):
        call_command("fprom", "check", "--send", stdout=io.StringIO())


def test_without_click_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and nothing else of the app needs it."""
    for name in [name for name in sys.modules if name.startswith("fprom_middleware.cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "click", None)

    assert from_shell("check") == 1
    assert capsys.readouterr().err == (
        'manage.py fprom needs click: pip install "fprom-middleware[cli]"\n'
    )
    with pytest.raises(CommandError, match="needs click"):
        call_command("fprom", "check")


def test_another_missing_module_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation is not explained away."""
    for name in [name for name in sys.modules if name.startswith("fprom_middleware.cli")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fprom_middleware.cli.group", None)

    with pytest.raises(ModuleNotFoundError):
        call_command("fprom", "check")


@pytest.mark.slow
def test_the_middleware_alone_needs_no_click(tmp_path: Path) -> None:
    """The command line is an extra."""
    code = (
        "import sys; sys.modules['click'] = None\n"
        "from django.conf import settings\n"
        "settings.configure(FPROM_ENABLED=False, INSTALLED_APPS=['fprom_middleware.django'])\n"
        "import django; django.setup()\n"
        "from fprom_middleware.django import FpromMiddleware\n"
        "FpromMiddleware(print)\n"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
