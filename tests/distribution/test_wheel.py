"""What is published: the wheel, the sdist, and the bill of materials in the wheel."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from fprom_middleware import __version__
from tests.support.programs import ROOT, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
STEM = f"fprom_middleware-{__version__}"
SOURCES = ("benchmarks", "docs", "examples", "fprom_middleware", "tests")
FILES = {
    *(".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO"),
    *("README.md", "hatch_build.py", "pyproject.toml", "pytest_fprom.py"),
}
JUNK = {".db", ".db-shm", ".db-wal", ".pyc", ".pyo", ".log", ".orig", ".rej"}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


def build(sources: Path, folder: Path) -> dict[str, bytes]:
    """Build wheel and sdist, and return their bytes by name."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=sources,
        env=clean_environment(SOURCE_DATE_EPOCH="1700000000"),
        check=True,
        capture_output=True,
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    """The wheel."""
    return zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl")


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    """The sdist's files, without its folder."""
    with tarfile.open(built / f"{STEM}.tar.gz") as archive:
        return {name.removeprefix(f"{STEM}/") for name in archive.getnames()}


def test_two_builds_are_the_same_bytes(built: Path, tmp_path: Path) -> None:
    """The second one from the first one's sdist, in another place: it holds all that it needs."""
    with tarfile.open(built / f"{STEM}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / STEM, tmp_path / "dist")

    assert set(again) == {f"{STEM}.tar.gz", f"{STEM}-py3-none-any.whl"}
    for name, content in again.items():
        first = (built / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == hashlib.sha256(first).hexdigest(), name


def test_the_wheel_is_the_package_and_the_plugin(wheel: zipfile.ZipFile) -> None:
    """Nothing of the tests, and all of the package's files, those that are no code too."""
    described = {name for name in wheel.namelist() if name.startswith(f"{STEM}.dist-info/")}
    assert {name.removeprefix(f"{STEM}.dist-info/") for name in described} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
        "sboms/fprom-middleware.cdx.json",
    }
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "fprom_middleware").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert set(wheel.namelist()) - described == package | {"pytest_fprom.py"}
    assert "fprom_middleware/py.typed" in package


def test_the_sdist_is_what_tests_and_docs_need(sdist: set[str]) -> None:
    """And nothing that a run, an editor or a build leaves."""
    assert {name for name in sdist if "/" not in name} == FILES
    assert {name.partition("/")[0] for name in sdist if "/" in name} == set(SOURCES)
    parts = {part for name in sdist for part in name.split("/")}
    assert parts.isdisjoint({"__pycache__", ".fprom", ".pytest_cache", "build", "dist", "instance"})
    assert [name for name in sdist if any(name.endswith(junk) for junk in JUNK)] == []


def test_the_bill_of_materials_says_what_pyproject_says(wheel: zipfile.ZipFile) -> None:
    """Each requirement of the metadata, under the extra that asks for it, and no other."""
    path = f"{STEM}.dist-info/sboms/fprom-middleware.cdx.json"
    bill = json.loads(wheel.read(path))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {"serialNumber", "timestamp"}.isdisjoint(bill | bill["metadata"])
    own = bill["metadata"]["component"]
    assert own["purl"] == own["bom-ref"] == f"pkg:pypi/fprom-middleware@{__version__}"
    assert own["licenses"] == [{"license": {"id": "MIT"}}]

    wanted = {(Requirement(text).name, str(Requirement(text))) for text in PROJECT["dependencies"]}
    required = {name for name, _ in wanted}
    for extra, texts in PROJECT["optional-dependencies"].items():
        for text in texts:
            asked = Requirement(f'{text} ; extra == "{extra}"')
            wanted.add((asked.name, str(asked)))
    listed = {
        (part["name"], str(Requirement(one["value"])))
        for part in bill["components"]
        for one in part["properties"]
    }
    assert listed == wanted
    assert {one["name"] for one in bill["components"] if one["scope"] == "required"} == required
    (edges,) = bill["dependencies"]
    assert set(edges["dependsOn"]) == {one["bom-ref"] for one in bill["components"]}
