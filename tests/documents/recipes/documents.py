"""Code out of the documents: what they show is what the tests run."""

from __future__ import annotations

import re

from tests.support.programs import ROOT

DOCS = ROOT / "docs"


def block(document: str, language: str, first_line: str = "") -> str:
    """Return the one fenced block of a document that is in a language and begins so."""
    text = (DOCS / document).read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    (one,) = (code for code in found if code.startswith(first_line))
    return str(one)


def lines_of(document: str, start: str) -> list[str]:
    """Return the indented command lines of a document that begin so."""
    text = (DOCS / document).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.startswith(f"    {start}")]
