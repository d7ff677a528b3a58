"""The outbox in Django's admin, in a real browser: light and dark, on a phone, without scripts."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from tests.support.django_admin import admin_project, fill_outbox, log_in, serve_project
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.browser.chromium import Page

# What is around the content is Django's own.
AXE = """
axe.run('#content', {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})
  .then(found => found.violations.map(
    one => [one.impact, one.id, one.nodes.map(node => node.html).slice(0, 3)]))
"""
LOADED = """
document.readyState === 'complete' && document.getElementById('content')?.querySelector('form')
"""
TEXT = "document.body.textContent"
SEEN = """
[...document.querySelectorAll('#result_list tbody tr')].every(
  row => [...row.querySelectorAll('th, td')].slice(0, 3).every(
    cell => cell.getBoundingClientRect().right <= innerWidth))
"""


@pytest.fixture
def address(tmp_path: Path, sqlite_url: str) -> Iterator[str]:
    """Serve a project with an outbox in which much has happened."""
    with admin_project(tmp_path, FPROM_OUTBOX_URL=sqlite_url), serve_project() as base:
        fill_outbox(sqlite_url)
        yield base


@pytest.fixture
def page(tmp_path: Path, address: str) -> Iterator[Page]:
    """Open a browser, logged in."""
    with drive(tmp_path / "profile") as one:
        one.look()
        log_in(one, address)
        yield one


def press(page: Page, selector: str, then: str) -> None:
    """Press what a selector names, and wait for the page that says something."""
    page.wait_for(f"document.querySelector('{selector}')")
    # The page that is left may say the same, and is still there for a moment.
    page.run(f"document.left = true; document.querySelector('{selector}').click()")
    page.wait_for(
        f"!document.left && document.readyState === 'complete' && {TEXT}.includes('{then}')"
    )


def test_a_person_looks_and_acts_without_scripts(page: Page, address: str) -> None:
    """From the index to one event, its data, sending it again, deleting one, ending the pause."""
    page.without_scripts()
    page.open(address)
    press(page, 'a[href="/admin/fprom/event/"]', "k***@example.com")
    assert "6 pending" in page.run(TEXT)
    press(page, 'a[href="/admin/fprom/event/1/"]', "What is sent")
    assert "kim@example.com" not in page.run(TEXT)
    press(page, '[value="Show personal data"]', "kim@example.com")
    press(page, "[name=retry]", "1 event due now")
    press(page, 'a[href="?state=rejected"]', "unknown_visitor")
    page.run("document.querySelector('.action-select').checked = true")
    page.run("document.querySelector('[name=action]').value = 'delete'")
    press(page, "#changelist-form button", "before they are sent")
    press(page, "[name=confirmed]", "1 event deleted.")
    press(page, "[name=resume]", "The pause is over")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1200])
def test_axe_finds_nothing(page: Page, address: str, dark: bool, width: int) -> None:
    """Contrast, names, roles, in the list, on the page of an event, and where a deletion asks."""
    page.look(width=width, dark=dark)
    axe = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for place in ("fprom/event/", "fprom/event/1/", "fprom/event/?state=rejected&kind=refund"):
        page.open(address + place)
        page.wait_for(LOADED)
        page.run(axe)
        assert page.settle(AXE) == []
    page.open(f"{address}fprom/event/1/")
    press(page, "[name=delete]", "before they are sent")
    page.run(axe)
    assert page.settle(AXE) == []


@pytest.mark.parametrize("width", [375, 1200])
def test_what_matters_is_seen_at_once(page: Page, address: str, width: int) -> None:
    """Which event, of whom, in what state: nobody scrolls sideways for that."""
    page.look(width=width)
    for place in ("fprom/event/", "fprom/event/2/"):
        page.open(address + place)
        page.wait_for(LOADED)
        assert page.run("document.documentElement.scrollWidth") <= width
    page.open(f"{address}fprom/event/")
    page.wait_for(LOADED)
    assert page.run(SEEN)
