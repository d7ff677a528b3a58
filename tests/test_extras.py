"""An adapter whose framework is missing says what to install."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fprom_middleware.extras import needs_extra

ADAPTERS = {
    "aiohttp": "aiohttp",
    "django": "django",
    "fastapi": "fastapi",
    "starlette": "starlette",
}
WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import {module}
"""


def import_without(package: str, module: str) -> subprocess.CompletedProcess[str]:
    """Import a module in a process of its own, where a package is not to be found."""
    return subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package, module=module)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("extra", "package"), ADAPTERS.items())
def test_a_missing_framework_is_said_with_its_extra(extra: str, package: str) -> None:
    """In place of Python's own text, which names neither this package nor what to type."""
    done = import_without(package, f"fprom_middleware.{extra}")
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(f'pip install "fprom-middleware[{extra}]"')
    assert last.startswith(f"ModuleNotFoundError: {package} is not installed")


def test_flask_s_adapter_imports_no_flask() -> None:
    """Without Flask there is no app to hand in; the app's own import says so."""
    assert import_without("flask", "fprom_middleware.flask").stderr == ""


def test_the_error_is_that_of_the_import() -> None:
    """`except ImportError` and `pytest.importorskip` take it as they take Python's own."""
    with (
        pytest.raises(ModuleNotFoundError, match=r'"fprom-middleware\[django\]"') as caught,
        needs_extra("django", "absent"),
    ):
        importlib.import_module("absent")
    assert caught.value.name == "absent"


def test_what_a_framework_itself_misses_is_not_explained() -> None:
    """The extra would not bring it."""
    with (
        pytest.raises(ModuleNotFoundError, match="No module named 'absent'"),
        needs_extra("django"),
    ):
        importlib.import_module("absent")
