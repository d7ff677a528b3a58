"""Run the fast suite against the built wheel: on each Python, with the oldest packages, with none.

    cells.py            every cell
    cells.py lowest     one of them
    cells.py wheel      the one of the Python that runs this

Each cell is an environment of its own under build/. The tests run in an unpacked sdist from
which the package has been taken away, so that only the installed wheel can be imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.distribution.interpreters import VERSIONS, find_interpreters  # noqa: E402 - a script
from tests.distribution.lowest import lowest_versions  # noqa: E402 - a script

BUILD: Final = ROOT / "build"
SOURCES: Final = BUILD / "tests"
OWN: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT: Final = (
    # Programs of others; not of the Python or the wheel's doing.
    "tests/system",
    "tests/documents/recipes",
    # About the checkout.
    "tests/architecture",
    "tests/distribution",
    "tests/documents/test_architecture.py",
    "tests/documents/test_readme.py",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One environment.

    Attributes:
        name: What it is called.
        python: Its interpreter.
        extras: The extras that are installed, in brackets.
        groups: Dependency groups of pyproject.toml.
        constraints: Versions that are held.
        skips: True where tests of a package that is not installed are skipped; elsewhere each
            package must be there.
        required: False: what fails is told and no failure.
    """

    name: str
    python: str
    extras: str = ""
    groups: tuple[str, ...] = ("suite",)
    constraints: tuple[str, ...] = ()
    skips: bool = False
    required: bool = True


def plan(found: dict[str, str]) -> list[Cell]:
    """Say which cells there are on a machine with these Pythons."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    regular = [version for version in found if not version.endswith("t")]
    if not regular:
        return []
    oldest, newest = found[regular[0]], found[regular[-1]]
    held = tuple(lowest_versions(project))
    extras = f"[{','.join(project['optional-dependencies'])}]"
    return [
        *(
            Cell(name=name, python=found[name], extras=extras, required=name in regular)
            for name in found
        ),
        Cell(
            name="lowest",
            python=oldest,
            extras=extras,
            groups=("core",),
            constraints=held,
            skips=True,
        ),
        Cell(name="bare", python=newest, groups=("core",), skips=True),
    ]


def build() -> Path:
    """Build wheel and sdist, unpack the tests, and return the wheel."""
    dist = BUILD / "dist"
    for old in (dist, BUILD / "sdist", SOURCES):
        shutil.rmtree(old, ignore_errors=True)
    _run(sys.executable, "-m", "hatchling", "build", "-d", str(dist))
    (wheel,) = dist.glob("*.whl")
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(BUILD / "sdist", filter="data")
    (BUILD / "sdist" / sdist.name.removesuffix(".tar.gz")).rename(SOURCES)
    shutil.rmtree(SOURCES / "fprom_middleware")
    (SOURCES / "pytest_fprom.py").unlink()
    return wheel


def run(cell: Cell, wheel: Path) -> bool:
    """Make a cell's environment, run the suite in it, and say whether it is green."""
    folder = BUILD / cell.name
    python = folder / "bin" / "python"
    held = BUILD / f"{cell.name}.txt"
    held.write_text("\n".join(cell.constraints))
    _run(cell.python, "-m", "venv", "--clear", "--without-pip", str(folder))
    _install(
        python,
        f"{wheel}{cell.extras}",
        *(f"--group={SOURCES / 'pyproject.toml'}:{group}" for group in cell.groups),
        f"--constraint={held}",
    )
    _run(python, "-c", f"import fprom_middleware as f; assert {cell.name!r} in f.__file__, f")
    return _succeeds(
        *(python, "-m", "pytest", "-q", "-rfE", "-n", "2", "--dist", "loadfile"),
        *("-m", "not slow", "-p", "no:cacheprovider"),
        # An old package may use what a newer one has deprecated.
        *(("-o", "filterwarnings=") if cell.constraints else ()),
        *(f"--ignore={path}" for path in LEFT_OUT),
        TEST_SKIP_MISSING_PACKAGES="1" if cell.skips else "0",
    )


def verify_types() -> bool:
    """Say whether every public name of the wheel has a type, as its user's pyright sees it."""
    folder = BUILD / OWN / "bin"
    _install(folder / "python", f"--group={SOURCES / 'pyproject.toml'}:stubs")
    pyright = Path(sys.executable).parent / "pyright"
    # It asks the python on the PATH, whatever --pythonpath says.
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return _succeeds(pyright, "--verifytypes", "fprom_middleware", "--ignoreexternal", PATH=path)


def _install(python: Path, *what: str) -> None:
    _run(*(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *what))


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, cwd=SOURCES if SOURCES.exists() else ROOT)


def _succeeds(*command: str | Path, **environment: str) -> bool:
    done = subprocess.run(command, cwd=SOURCES, env={**os.environ, **environment}, check=False)
    return done.returncode == 0


def main(wanted: list[str]) -> int:
    """Run the cells, say how each went, and return the exit code."""
    found = find_interpreters()
    cells = {cell.name: cell for cell in plan(found)}
    wanted = [OWN if name == "wheel" else name for name in wanted]
    if unknown := set(wanted) - set(cells):
        sys.exit(f"There is no cell {', '.join(sorted(unknown))}; there are {', '.join(cells)}.")
    wheel = build()
    said = [f"{version:8} not found" for version in VERSIONS if version not in found]
    failed = False
    for cell in (cells[name] for name in wanted or cells):
        print(f"== {cell.name}: {cell.python}", flush=True)
        began = time.monotonic()
        ok = run(cell, wheel) and (cell.name != OWN or verify_types())
        word = "passed" if ok else "FAILED" if cell.required else "failed, which is only told"
        said.append(f"{cell.name:8} {word} in {time.monotonic() - began:.0f} s")
        failed |= cell.required and not ok
    print("\n".join(["", *sorted(said)]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
