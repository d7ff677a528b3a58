"""Where settings come from: the environment and a Flask app, and how each refuses."""

from __future__ import annotations

import errno
import subprocess
import sys
from typing import TYPE_CHECKING

import flask
import pytest
from click.testing import CliRunner

from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.cli.decorators import in_one_line
from fprom_middleware.cli.main import main
from fprom_middleware.cli.output import terminal
from fprom_middleware.flask import init_app
from tests.cli.conftest import FPROM

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Desk
    from tests.support.api import LoopbackApi


def test_the_environment_is_one_source(environ: dict[str, str], loopback: LoopbackApi) -> None:
    """``fprom drain`` sends what a process with the same environment handed in."""
    fprom = Fprom({**environ, "FPROM_WORKER": "none"})
    fprom.track_signup(TrackingContext(tid="tid-of-a-visitor"), "ann@example.com")
    fprom.close()

    result = CliRunner(env=environ).invoke(main, ["drain"])

    assert result.output == "sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"
    assert loopback.emails == ["ann@example.com"]
    assert {call.key for call in loopback.seen} == {f"Bearer {environ['FPROM_API_KEY']}"}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "drain", "outbox", "worker"])
def test_a_wrong_setting_is_one_line(command: str, environ: dict[str, str]) -> None:
    """Exit code 2, the key, no trace, and nothing secret."""
    done = subprocess.run(
        [*FPROM, command],
        env=environ | {"FPROM_TIMEOUT": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "Error: FPROM_TIMEOUT: 'soon' is not a number of seconds above 0 and up to 300. "
        "Right would be: FPROM_TIMEOUT=10\n"
    )


def test_missing_keys_are_named(environ: dict[str, str]) -> None:
    """The first thing that a newcomer meets."""
    del environ["FPROM_API_KEY"]
    result = CliRunner(env={**environ, "FPROM_API_KEY": None}).invoke(main, ["drain"])

    assert result.exit_code == 2
    assert result.output.startswith("Error: FPROM_API_KEY: is missing. Set it to ")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["outbox", "drain", "resume"])
def test_a_database_that_is_away_is_one_line(command: str, environ: dict[str, str]) -> None:
    """Exit code 1: nothing to set right, perhaps."""
    environ["FPROM_OUTBOX_URL"] = "postgresql://shop:geheim@127.0.0.1:1/shop"
    result = CliRunner(env=environ).invoke(main, [command])

    assert result.exit_code == 1
    assert result.output == (
        "Error: the outbox's database refused (OperationalError). The command `check` says more.\n"
    )


def test_a_reader_who_went_away_is_no_database() -> None:
    """``fprom outbox | head -1``: click ends quietly, if it is let."""
    with pytest.raises(BrokenPipeError), in_one_line():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_mistake_of_ours_is_no_refusal() -> None:
    """Its trace is for a bug report."""
    with pytest.raises(ZeroDivisionError), in_one_line():
        raise ZeroDivisionError


@pytest.mark.slow
def test_a_flask_app_is_another_source(tmp_path: Path, environ: dict[str, str]) -> None:
    """``flask fprom`` works on the app's own outbox, and leaves the app's Fprom open."""
    app = flask.Flask(__name__, instance_path=str(tmp_path))
    app.config.update({key: value for key, value in environ.items() if key.startswith("FPROM_")})
    fprom = init_app(app)

    answer = app.test_cli_runner().invoke(args=["fprom", "check"])
    fprom.track_signup(TrackingContext(tid="tid-of-a-visitor"), "ann@example.com")
    drained = app.test_cli_runner().invoke(args=["fprom", "drain", "--wait"])
    fprom.close()

    assert answer.exit_code == 0, answer.output
    assert answer.output.startswith("Settings of this Flask app; ")
    assert drained.exit_code == 0, drained.output
    assert drained.output.endswith("; 0 pending\n")


@pytest.mark.slow
def test_the_flask_command_lists_it(tmp_path: Path, environ: dict[str, str]) -> None:
    """As a developer starts it."""
    (tmp_path / "app.py").write_text(
        "import flask\n"
        "from fprom_middleware.flask import init_app\n"
        "app = flask.Flask(__name__)\n"
        "app.config.from_prefixed_env('FPROM_APP')\n"
        f"init_app(app, {{'FPROM_ENABLED': False, 'FPROM_OUTBOX_URL': "
        f"'{environ['FPROM_OUTBOX_URL']}'}})\n"
    )
    flask_command = [sys.executable, "-m", "flask"]
    for arguments, told in (
        (["--help"], "fprom   Check, look at and drain the outbox"),
        (["fprom", "outbox"], "there is no outbox yet"),
    ):
        done = subprocess.run(
            [*flask_command, *arguments],
            cwd=tmp_path, env=environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert told in done.stdout


def test_every_command_is_listed(desk: Desk) -> None:
    """And an unknown one is a mistake of use."""
    answer = desk("--help")

    assert [line.split()[0] for line in answer.partition("Commands:\n")[2].splitlines()] == [
        "check",
        "drain",
        "find",
        "outbox",
        "resume",
        "stats",
        "worker",
    ]
    assert "No such command 'nope'" in desk("nope", code=2)


def test_an_app_that_serves_loads_no_command() -> None:
    """Offering them costs a web process next to nothing."""
    code = (
        "import sys, flask; from fprom_middleware.flask import init_app;"
        "init_app(flask.Flask('x'), {'FPROM_ENABLED': False});"
        "sys.exit(any(m.startswith(('fprom_middleware.cli.check', 'rich', 'sqlalchemy'))"
        " for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_pipe_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are for terminals, and for those who have rich."""
    assert terminal() is None
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert terminal() is not None
    monkeypatch.setattr("fprom_middleware.cli.output.find_spec", lambda _: None)
    assert terminal() is None
