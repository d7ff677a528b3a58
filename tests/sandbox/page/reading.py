"""The page as a reader without scripts gets it."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from fprom_middleware.sandbox.page.document import write_page
from fprom_middleware.sandbox.page.parts import Place
from fprom_middleware.sandbox.page.query import Query
from tests.sandbox.calling import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from fprom_middleware.sandbox import FirstPromoterDouble

BASE_URL = "http://127.0.0.1:8750"
PLACE = Place(BASE_URL, f"{BASE_URL}/api/v2/track", "http://localhost:5000")


def read_page(double: FirstPromoterDouble, query: Query | None = None, now: datetime = NOW) -> str:
    """Write the page."""
    return write_page(double, PLACE, query or Query(), now)


def read_rows(page: str) -> list[dict[str, str]]:
    """Return the list's lines: when, who, promoter, address and outcome, as text."""
    rows = re.findall(r'<li class="row .*?</li>(?=\n<li|\n</ul>)', page, re.DOTALL)
    names = ("when", "who", "promoter", "address", "outcome")
    return [{name: _cell(row, name) for name in names} for row in rows]


def read_body(page: str) -> str:
    """Return the text of the first event's inside."""
    found = re.search(r'<div class="body">(.*?)</div></details></li>', page, re.DOTALL)
    assert found is not None
    return read_text(found[1])


def read_part(page: str, name: str) -> str:
    """Return the text of a part of the page."""
    found = re.search(
        rf'<(div|p|span) id="{name}"[^>]*>(.*?)</\1>(?:\n|</p>|<span)', page, re.DOTALL
    )
    assert found is not None
    return read_text(found[2])


def read_text(html: str) -> str:
    """Return HTML as text, blanks as one."""
    whole = html.replace("<wbr>", "")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", whole)).split())


def _cell(row: str, name: str) -> str:
    summary = row.partition("</summary>")[0]
    found = re.search(
        rf'<span class="{name}[^"]*">(.*?)(?=<span class="(?:who|promoter|address|outcome)|$)',
        summary,
        re.DOTALL,
    )
    assert found is not None
    return read_text(found[1])
