"""The plain command in a framework's project names the one that reads the project's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from fprom_middleware.cli.main import main
from fprom_middleware.cli.project import project_hint
from tests.cli.conftest import run_fprom

if TYPE_CHECKING:
    from pathlib import Path

MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
FLASK_APP = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("files", "environ", "named"),
    [
        ({"manage.py": MANAGE}, {}, "`python manage.py fprom`"),
        ({}, {"DJANGO_SETTINGS_MODULE": "shop.settings"}, "`python manage.py fprom`"),
        ({"app.py": FLASK_APP}, {}, "`flask fprom`"),
        ({"wsgi.py": FLASK_APP}, {}, "`flask fprom`"),
        ({}, {"FLASK_APP": "shop:create_app"}, "`flask fprom`"),
        ({"manage.py": "print('another manager')", "app.py": "import starlette"}, {}, None),
        ({}, {}, None),
    ],
)
def test_a_project_is_known_by_what_its_framework_looks_for(
    files: dict[str, str], environ: dict[str, str], named: str | None, tmp_path: Path
) -> None:
    """And nothing of it is imported."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    hint = project_hint(tmp_path, environ)

    assert (named in hint) if named and hint else hint is named


@pytest.mark.slow
@pytest.mark.parametrize("command", ["outbox", "check", "drain", "worker", "outbox list"])
def test_missing_settings_in_a_project_are_explained(command: str, tmp_path: Path) -> None:
    """They are there, where this command does not look."""
    (tmp_path / "manage.py").write_text(MANAGE)

    done = run_fprom(command, {}, tmp_path)

    assert done.returncode == 2
    assert "FPROM_ACCOUNT_ID: is missing" in done.stderr or "FPROM_API_KEY: is" in done.stderr
    assert "`python manage.py fprom` reads its settings, `fprom` does not" in done.stderr


@pytest.mark.slow
def test_an_outbox_that_is_not_there_is_explained(environ: dict[str, str], tmp_path: Path) -> None:
    """It is in the instance folder, which only the app knows."""
    (tmp_path / "app.py").write_text(FLASK_APP)

    done = run_fprom("outbox", environ, tmp_path)

    assert (done.returncode, "there is no outbox yet" in done.stdout) == (0, True)
    assert "`flask fprom` reads its settings" in done.stderr


@pytest.mark.parametrize(("known", "code"), [({}, 2), ({"FPROM_ACCOUNT_ID": "a"}, 0)])
def test_the_hint_is_no_part_of_the_answer(
    known: dict[str, str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that reads the answer does not meet it, whether settings or outbox are missing."""
    (tmp_path / "manage.py").write_text(MANAGE)
    monkeypatch.chdir(tmp_path)
    empty = dict.fromkeys(("FPROM_API_KEY", "FPROM_ACCOUNT_ID", "DJANGO_SETTINGS_MODULE"))

    result = CliRunner(env=empty | known).invoke(main, ["outbox"])

    assert result.exit_code == code
    assert "hint: This is a Django project" in result.stderr
    assert "hint:" not in result.stdout


@pytest.mark.slow
def test_a_drain_by_cron_is_not_told_each_minute(environ: dict[str, str], tmp_path: Path) -> None:
    """Settings in the environment are as good as any."""
    (tmp_path / "app.py").write_text(FLASK_APP)

    assert run_fprom("drain", environ, tmp_path).stderr == ""
