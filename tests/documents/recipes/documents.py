"""Code out of the documents: what they show is what the tests run."""

from __future__ import annotations

import re
from typing import Any

from tests.support.programs import ROOT

DOCS = ROOT / "docs"


def block(document: str, language: str, first_line: str = "") -> str:
    """Return the one fenced block of a document that is in a language and begins so."""
    text = (DOCS / document).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (one,) = (code for code in found if code.startswith(first_line))
    return str(one)


def run_block(document: str, first_line: str, **names: Any) -> dict[str, Any]:
    """Run the Python block of a document that begins so, among names that its app has anyway."""
    exec(compile(block(document, "python", first_line), document, "exec"), names)  # noqa: S102 - that is the point
    return names


def rows_of(document: str, header: str) -> list[list[str]]:
    """Return the cells of the table of a document whose header begins so, without their marks."""
    text = (DOCS / document).read_text(encoding="utf-8")
    (table,) = re.findall(
        rf"^\| {re.escape(header)}.*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    return [
        [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]
        for line in table.splitlines()
    ]


def lines_of(document: str, start: str) -> list[str]:
    """Return the indented command lines of a document that begin so."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.startswith(f"    {start}")]
