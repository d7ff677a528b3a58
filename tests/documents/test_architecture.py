"""docs/architecture.md, its neighbours and CONTRIBUTING.md: what they name is there."""

from __future__ import annotations

import ast
import re
from itertools import product
from typing import TYPE_CHECKING

import pytest

from fprom_middleware.api.protocol import read_answer
from fprom_middleware.events.kinds import EVENTS as KINDS
from fprom_middleware.settings.model import FpromSettings
from tests.architecture.imports import read_sources
from tests.architecture.tower import MAY_IMPORT, PACKAGE, room_of
from tests.support.programs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCS = ROOT / "docs"
MAPS = [DOCS / "architecture.md", DOCS / "glossary.md", ROOT / "CONTRIBUTING.md"]
PAGES = [*MAPS, *sorted((DOCS / "decisions").glob("*.md"))]
CUSTOMER = {"email": "kim@example.com", "event_id": "e-1", "amount": 5}
EVENTS = [kind.from_json(CUSTOMER) for kind in KINDS.values()]
SOURCES = read_sources(ROOT / PACKAGE)
# What a page may say in the words of others: settings are checked by their own test.
FOREIGN = re.compile(r"FPROM_\w+=?\S*|make \w+|fprom( \w+)*|--\w+|[A-Z_]+=\S+|BEGIN IMMEDIATE|NULL")


def names_of(tree: ast.AST, prefix: str = "") -> set[str]:
    """Return what a module defines: functions, classes, their members, constants, columns."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{member}" for member in members(node)}
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.id if isinstance(node, ast.Name) else node.attr)
        elif isinstance(node, ast.arg):
            found |= {node.arg, f"{node.arg}="}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def members(node: ast.ClassDef) -> set[str]:
    """Return a class's methods and annotated attributes."""
    found = set()
    for one in node.body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(one.name)
        elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            found.add(one.target.id)
    return found


NAMES = set().union(*(names_of(ast.parse(text)) for text in SOURCES.values()))


def spans(page: Path) -> list[str]:
    """Return what a page shows as code, its drawings and commands aside."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    """Every file is there, under the package or beside it, and every name is defined."""
    missing = []
    for span in spans(page):
        if re.fullmatch(r"[\w./]*(/|\.py|\.md|\.ci/run)[\w./]*", span):
            known = any((base / span).exists() for base in (ROOT, ROOT / PACKAGE, page.parent))
        else:
            # A decision may name what other libraries have, and what was left out.
            known = (
                page not in MAPS
                or span.strip(".").removesuffix("()") in NAMES
                or FOREIGN.fullmatch(span) is not None
            )
        if not known and span != PACKAGE:
            missing.append(span)

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the repository finds it."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_a_page_names_exist(page: Path) -> None:
    """No page explains a key that there is not."""
    named = set(re.findall(r"\bFPROM_[A-Z_]+[A-Z]", page.read_text("utf-8")))
    known = {f"FPROM_{name.upper()}" for name in FpromSettings.__init__.__kwdefaults__ or {}}

    assert named - known == set()


def test_every_room_is_drawn() -> None:
    """The drawing of the tower names each room of the package."""
    (drawing,) = re.findall(r"^```text\n(.*?)^```$", PAGES[0].read_text(), re.DOTALL | re.MULTILINE)
    rooms = {room_of(name.removeprefix(f"{PACKAGE}.")) for name in SOURCES} - {"__init__"}

    assert rooms <= MAY_IMPORT.keys()
    assert rooms - set(re.findall(r"\w+", drawing)) == set()


def test_the_table_of_outcomes_is_what_answers_come_to() -> None:
    """Each line of docs/architecture.md is read by `read_answer` as it says."""
    bodies = {"any": (b"{}", b"<html>", None), "object": (b"{}",), "other": (b"[]", b"", None)}
    lines = re.findall(
        r"^\| ([\d, ]+) \| (\w+) \| ([\w, ]+) \| (\w+) \| ?(\w*) ?\|",
        PAGES[0].read_text("utf-8"),
        re.MULTILINE,
    )

    assert len(lines) > 8
    for codes, body, kinds, status, reason in lines:
        events = [one for one in EVENTS if kinds == "each" or one.kind in kinds.split(", ")]
        assert events
        for code, content, event in product(codes.split(", "), bodies[body], events):
            outcome = read_answer(event, int(code), content)
            assert (outcome.status, outcome.reason or "") == (status, reason), code
