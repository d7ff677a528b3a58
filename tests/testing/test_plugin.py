"""pytest's door: loaded for every run, it loads the package for a test that asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import fprom_middleware
from tests.support.programs import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SIGN_UP = """
from fprom_middleware import Fprom, TrackingContext

def sign_up(**who):
    account = Fprom({"FPROM_API_KEY": "k", "FPROM_ACCOUNT_ID": "a", "FPROM_WORKER": "none"})
    return account.track_signup(TrackingContext("t-1"), **who)
"""
PASSING = (
    SIGN_UP
    + """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_a_test_has_its_own(number, fprom):
    sign_up(uid=number)
    assert fprom.assert_lead(tid="t-1").uid == str(number)
"""
)
FAILING = (
    SIGN_UP
    + """
def test_it_fails(fprom):
    sign_up(email="Kim@example.com")
    fprom.assert_lead(email="kim@example.com", tid="t-1")
"""
)
TOLD = "no lead with email='kim@example.com', tid='t-1' arrived, but 1 lead"
FAILURE = [
    '>       fprom.assert_lead(email="kim@example.com", tid="t-1")',
    f"E       AssertionError: {TOLD} (- expected, + arrived):",
    "E",
    "E         - email = 'kim@example.com'",
    "E         + email = 'Kim@example.com'",
    "E           tid = 't-1'",
]
OWN = """
import pytest

@pytest.fixture
def fprom():
    return 7

def test_it_is_the_app_s_own(fprom):
    assert fprom == 7
"""
LOADED = """
import sys
loaded = sorted(name for name in sys.modules if "fprom" in name)
assert loaded == ["pytest_fprom"], loaded

def test_fprom(): ...
"""


def run(folder: Path, *arguments: str, code: str = PASSING, flags: tuple[str, ...] = ()) -> str:
    """Run pytest on a file of tests, and return what it said."""
    (folder / "test_shop.py").write_text(code)
    done = subprocess.run(
        [sys.executable, *flags, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_door_loads_nothing_of_the_package(tmp_path: Path) -> None:
    """A run whose tests do not ask for it pays for one small file."""
    said = run(tmp_path, "--co", code=LOADED, flags=("-X", "importtime"))

    assert "1 test collected" in said
    assert "import time:" in said
    assert "fprom_middleware." not in said


def test_coverage_counts_what_runs_at_import(tmp_path: Path) -> None:
    """The package is loaded after coverage has begun."""
    said = run(tmp_path, "-q", "--cov=fprom_middleware", "--cov-report=json")

    assert "6 passed" in said
    files = json.loads((tmp_path / "coverage.json").read_text())["files"]
    (receipt,) = (data for name, data in files.items() if name.endswith("events/receipt.py"))
    (version,) = (data for name, data in files.items() if name.endswith("/version.py"))
    assert receipt["summary"]["missing_lines"] <= 1
    assert version["summary"]["missing_lines"] == 0


def test_a_failure_shows_what_did_arrive(tmp_path: Path) -> None:
    """At the test's own line, field by field, and nothing is made on the disk."""
    said = run(tmp_path, "-q", "-W", "error", code=FAILING)

    lines = [line.rstrip() for line in said.splitlines()]
    begins = lines.index(FAILURE[0])
    assert lines[begins : begins + len(FAILURE)] == FAILURE
    assert "fprom_middleware/testing" not in said
    assert not (tmp_path / ".fprom").exists()


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-o", "usefixtures=fprom")])
def test_each_test_has_its_own(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """In workers of xdist as well, and where the whole suite uses it."""
    assert "6 passed" in run(tmp_path, "-W", "error", *arguments)


def test_it_can_be_left_out_and_taken_in(tmp_path: Path) -> None:
    """By the names that pytest knows it by; an app's own fixture of the name comes first."""
    assert "fixture 'fprom' not found" in run(tmp_path, "-p", "no:fprom")
    own = (
        "import pytest\n@pytest.fixture\ndef fprom(): return 7\ndef test(fprom): assert fprom == 7"
    )
    assert "1 passed" in run(tmp_path, code=own)


def test_pytest_is_told_not_to_rewrite_the_package() -> None:
    """Otherwise it would warn where an app has imported the package before it runs pytest."""
    assert "PYTEST_DONT_REWRITE" in str(fprom_middleware.__doc__)
