"""The arrows of a package: which file imports which, read from the source without running it."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """One import, wherever it stands: at the top, under TYPE_CHECKING or in a function.

    Attributes:
        source: The module that imports, below the package: ``outbox.store``; ``__init__`` is the
            package itself.
        target: What it imports: a module of the package, or the top name of a distribution.
        outside: Whether the target is a distribution's.
    """

    source: str
    target: str
    outside: bool = False


def read_sources(folder: Path) -> dict[str, str]:
    """Read a package.

    Returns:
        The text by the module's full name.
    """
    return {
        ".".join([folder.name, *_parts(path.relative_to(folder))]): path.read_text("utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


def read_arrows(sources: Mapping[str, str], package: str) -> set[Arrow]:
    """Find all imports of a package: relative ones, late ones, those for types only.

    Args:
        sources: The text by the module's full name; a folder's own module ends in ``__init__``.
        package: The package's name.

    Returns:
        The arrows, without those to the standard library.
    """
    known = {module.removesuffix(".__init__") for module in sources}
    arrows = set()
    for module, text in sources.items():
        source = _short(module.removesuffix(".__init__"), package)
        for name in _imported(text, module):
            top = name.partition(".")[0]
            if top == package:
                while name not in known:
                    name = name.rpartition(".")[0]  # noqa: PLW2901 - shortened to the file it is in
                arrows.add(Arrow(source, _short(name, package)))
            elif top not in sys.stdlib_module_names:
                arrows.add(Arrow(source, top, outside=True))
    return arrows


def find_circle(arrows: Iterable[Arrow]) -> list[str]:
    """Return the modules of one circle of imports; none where there is no circle."""
    waits_for: dict[str, set[str]] = {}
    for arrow in arrows:
        if not arrow.outside:
            waits_for.setdefault(arrow.source, set()).add(arrow.target)
    while free := [name for name, targets in waits_for.items() if not targets & waits_for.keys()]:
        for name in free:
            del waits_for[name]
    if not waits_for:
        return []
    path = [min(waits_for)]
    while True:
        following = min(waits_for[path[-1]] & waits_for.keys())
        if following in path:
            circle = path[path.index(following) :]
            first = circle.index(min(circle))
            return circle[first:] + circle[:first]
        path.append(following)


def _parts(path: Path) -> list[str]:
    return list(path.with_suffix("").parts)


def _short(module: str, package: str) -> str:
    return "__init__" if module == package else module.removeprefix(f"{package}.")


@cache
def _imported(text: str, module: str) -> tuple[str, ...]:
    """Return full names; ``from a import b`` is ``a.b``, for b may be a module."""
    return tuple(_walk(ast.parse(text), module))


def _walk(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _resolve(node.level, node.module or "", module)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) == "import_module" and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                given = name.value.lstrip(".")
                yield _resolve(len(name.value) - len(given), given, module)


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _resolve(level: int, name: str, module: str) -> str:
    if not level:
        return name
    parents = module.split(".")[:-level]
    return ".".join([*parents, name] if name else parents)
