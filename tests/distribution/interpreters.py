"""The Pythons of this machine that the package supports: those on the PATH, and pyenv's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

VERSIONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.14t")
"""What is looked for; `t` is without the global lock."""

_SAY: Final = """
import sys, sysconfig
import sqlite3, ssl, venv
free = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
print("%d.%d%s" % (*sys.version_info[:2], free))
"""


def find_interpreters() -> dict[str, str]:
    """Find one interpreter of each version.

    Returns:
        The interpreter's path by version, of `VERSIONS` those that were found.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found: dict[str, str] = {}
    for version in VERSIONS:
        exact = [path / "bin" / "python" for path in sorted(pyenv.glob(f"{version[:4]}.*"))]
        for candidate in [*map(str, reversed(exact)), f"python{version}"]:
            if _version_of(candidate) == version:
                found[version] = candidate
                break
    return found


def _version_of(candidate: str) -> str | None:
    """Return what version it is; None where it does not run, or lacks what an environment needs."""
    try:
        said = subprocess.run(
            [candidate, "-c", _SAY], check=True, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
