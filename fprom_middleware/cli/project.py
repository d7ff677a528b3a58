"""Whether a framework's project stands in the working directory, with settings of its own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FLASK_FILES: Final = ("wsgi.py", "app.py")
"""Where the ``flask`` command itself looks for the app."""
_MOST_BYTES: Final = 65_536


def project_hint(folder: Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """Name the command that reads the settings of the project, where there is one.

    The command ``fprom`` reads the environment only, and a project keeps its settings elsewhere.

    Args:
        folder: The working directory.
        environ: The process environment.

    Returns:
        A sentence; None where nothing here looks like a Django or Flask project.
    """
    if "DJANGO_SETTINGS_MODULE" in environ or "django" in _text(folder / "manage.py"):
        return _sentence("Django", "python manage.py fprom")
    if "FLASK_APP" in environ or any("flask" in _text(folder / name) for name in _FLASK_FILES):
        return _sentence("Flask", "flask fprom")
    return None


def _sentence(framework: str, command: str) -> str:
    return f"This is a {framework} project: `{command}` reads its settings, `fprom` does not."


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES).decode(errors="replace").lower()
    except OSError:
        return ""
