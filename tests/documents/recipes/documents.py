"""Code out of the documents: what they show is what the tests run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from fprom_middleware import Fprom, TrackingContext

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).resolve().parents[3] / "docs"


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


def sign_up(environ: Mapping[str, str], *emails: str) -> None:
    """Hand in sign-ups, as a web process with this environment does."""
    fprom = Fprom({key: value for key, value in environ.items() if key.startswith("FPROM_")})
    for email in emails:
        assert fprom.track_signup(TrackingContext(tid="tid-of-a-visitor"), email).durable
    fprom.close()


def pending(environ: Mapping[str, str]) -> int:
    """Count what waits."""
    fprom = Fprom({key: value for key, value in environ.items() if key.startswith("FPROM_")})
    try:
        return fprom.stats().pending
    finally:
        fprom.close()
