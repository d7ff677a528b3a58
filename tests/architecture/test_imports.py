"""Every import points down the tower, also a late one and one for types only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.imports import Arrow, find_circle, read_arrows, read_sources
from tests.architecture.tower import MAY_IMPORT, PACKAGE, find_forbidden, room_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def arrows() -> set[Arrow]:
    """Every import of the package."""
    return read_arrows(read_sources(ROOT / PACKAGE), PACKAGE)


def test_every_import_points_down(arrows: set[Arrow]) -> None:
    """No file imports a room above or beside its own, or a library that is another room's."""
    assert find_forbidden(arrows) == []


def test_there_is_no_circle_of_files(arrows: set[Arrow]) -> None:
    """A reader who follows the imports comes to an end."""
    assert find_circle(arrows) == []


def test_every_room_has_its_place() -> None:
    """A new file at the top or a new folder is given its place in the tower before it is used."""
    rooms = {room_of(name.removeprefix(f"{PACKAGE}.")) for name in read_sources(ROOT / PACKAGE)}

    assert rooms - MAY_IMPORT.keys() == set()


def test_the_tower_is_one() -> None:
    """A room may import rooms that are listed before it, never one that may import it."""
    rooms = {Arrow(room, room_of(to)) for room, may in MAY_IMPORT.items() for to in may}

    assert find_circle(rooms) == []


PLANTED = {
    "up": ("events.lead", "from ..outbox.store import Outbox", "outbox.store"),
    "up, the package itself": ("events.lead", "from .. import account", "account"),
    "by its full name": ("events.lead", "import fprom_middleware.account", "account"),
    "sideways": ("wsgi", "from .asgi import FpromMiddleware", "asgi"),
    "for types only": (
        "visitor.context",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..account import Fprom",
        "account",
    ),
    "late": ("visitor.context", "def f():\n    from ..events import lead", "events.lead"),
    "by import_module": (
        "settings.model",
        "import importlib\nimportlib.import_module('..account', __package__)",
        "account",
    ),
    "the outbox sees an HTTP client's room": (
        "outbox.store",
        "from ..api.client import TrackingApi",
        "api.client",
    ),
    "the sandbox in a command": ("cli.check", "from ..sandbox.double import x", "sandbox.double"),
    "a framework in the core": ("outbox.store", "def f():\n    import django.db", "django"),
    "a framework in a leaf": ("errors", "from flask import Flask", "flask"),
    "itsdangerous in a third file": ("visitor.sources", "import itsdangerous", "itsdangerous"),
    "a room without a place": ("helpers.text", "from ..errors import FpromError", "errors"),
}


@pytest.mark.parametrize(("module", "code", "target"), PLANTED.values(), ids=PLANTED)
def test_an_arrow_that_points_elsewhere_is_found(
    arrows: set[Arrow], module: str, code: str, target: str
) -> None:
    """Each kind of wrong import, planted in the package's own files, is named."""
    sources = read_sources(ROOT / PACKAGE)
    full = f"{PACKAGE}.{module}"
    planted = read_arrows(sources | {full: f"{sources.get(full, '')}\n{code}\n"}, PACKAGE)

    assert set(find_forbidden(planted)) - set(find_forbidden(arrows)) == {f"{module} -> {target}"}


def test_what_the_tower_allows_is_no_finding() -> None:
    """The exceptions that the tower names are exceptions for their one file."""
    code = "from ..sandbox.command import sandbox"

    assert find_forbidden(read_arrows(_package({"cli.main": code}), PACKAGE)) == []
    assert find_forbidden(read_arrows(_package({"cli.check": code}), PACKAGE)) == [
        "cli.check -> sandbox.command"
    ]


def test_a_circle_is_found() -> None:
    """Three files that import each other round are named, those that only lead there are not."""
    sources = _package(
        {
            "outbox.a": "from .b import x",
            "outbox.b": "def f():\n    from . import c",
            "outbox.c": "import typing\nif typing.TYPE_CHECKING:\n    from .a import y",
            "outbox.d": "from .a import z",
        }
    )

    assert find_circle(read_arrows(sources, PACKAGE)) == ["outbox.a", "outbox.b", "outbox.c"]


def _package(files: dict[str, str]) -> dict[str, str]:
    folders = ("", "cli.", "outbox.", "sandbox.")
    return {f"{PACKAGE}.{folder}__init__": "" for folder in folders} | {
        f"{PACKAGE}.{name}": text for name, text in {"sandbox.command": "", **files}.items()
    }
