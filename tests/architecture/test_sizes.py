"""Files and rooms that a reader can hold in mind."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from tests.architecture.imports import read_sources
from tests.architecture.tower import PACKAGE, room_of

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 400
MOST_LINES_OF_AN_ADAPTER = 100
LARGEST_ROOM = 1 / 5
ADAPTERS = ("flask", "starlette", "fastapi", "aiohttp", "django")
SOURCES = {
    name.removeprefix(f"{PACKAGE}."): text for name, text in read_sources(ROOT / PACKAGE).items()
}
LINES = {name: text.count("\n") for name, text in SOURCES.items()}


def test_no_file_is_long() -> None:
    """A file is one concept."""
    assert [name for name, lines in LINES.items() if lines > MOST_LINES] == []


def test_adapters_are_short() -> None:
    """A framework's room holds settings in and middleware on, nothing that belongs below."""
    adapters = {name: lines for name, lines in LINES.items() if room_of(name) in ADAPTERS}

    assert adapters
    assert {n: lines for n, lines in adapters.items() if lines >= MOST_LINES_OF_AN_ADAPTER} == {}


def test_no_room_is_large() -> None:
    """No room holds more than a fifth of the package; a folder inside one counts by itself."""
    rooms: Counter[str] = Counter()
    for name, lines in LINES.items():
        rooms[name.rpartition(".")[0] or room_of(name)] += lines

    most = rooms.total() * LARGEST_ROOM
    assert [room for room, lines in rooms.items() if lines > most] == []


def test_every_folder_has_a_door() -> None:
    """A folder's docstring of 5 to 10 lines says what it is for and where to start reading."""
    doors = {
        name: len((ast.get_docstring(ast.parse(text)) or "").splitlines())
        for name, text in SOURCES.items()
        if name.count(".") == 1 and name.endswith(".__init__")
    }

    assert doors
    assert [name for name, lines in doors.items() if not 5 <= lines <= 10] == []
