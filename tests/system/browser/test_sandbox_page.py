"""The sandbox's page in a real browser: live, by keyboard, in the dark, and on a phone."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware.sandbox import FirstPromoterDouble
from fprom_middleware.sandbox.trouble import Trouble
from tests.sandbox.calling import HEADERS, call, signup
from tests.sandbox.serving import serving
from tests.support.waiting import becomes, eventually
from tests.system.browser.chromium import drive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.browser.chromium import Page

UNKNOWN = "11111111-2222-4333-8444-555555555555"
ROWS = "[...document.querySelectorAll('.row')]"
EMAILS = f"{ROWS}.map(row => row.querySelector('.email').textContent).join(' ')"
LIVE = "document.getElementById('state').textContent === 'live'"
AXE = """
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})
  .then(found => found.violations.map(
    one => [one.impact, one.id, one.nodes.map(node => node.html).slice(0, 3)]))
"""
FOCUSED = """
(one => one.id || one.name || one.closest('.row')?.id || one.textContent.trim())
  (document.activeElement)
"""
SCROLLS = """
[...document.querySelectorAll('body *')].filter(one =>
  one.scrollWidth > one.clientWidth + 1 &&
  ['auto', 'scroll'].includes(getComputedStyle(one).overflowX)).length
"""
SEE_MARKS = """
new MutationObserver(() => { window.marked ||= document.querySelector('.row.new') !== null; })
  .observe(document.getElementById('rows'), {attributes: true, childList: true, subtree: true})
"""
OUTSIDE = """
[...document.querySelectorAll('body :not(option)')].filter(
  one => one.getBoundingClientRect().right > innerWidth + 1).length
"""
LINES = "one => new Set([...one.getClientRects()].map(line => Math.round(line.bottom))).size"
HIDDEN = (
    "[...document.querySelectorAll('.copy, #theme, .app')].every(one => !one.checkVisibility())"
)


@pytest.fixture
def double() -> FirstPromoterDouble:
    """Make a double that knows a promoter."""
    return FirstPromoterDouble(ref_ids=["anna"])


@pytest.fixture
def url(double: FirstPromoterDouble) -> Iterator[str]:
    """Serve it."""
    with serving(double) as address:
        yield address


@pytest.fixture
def page(tmp_path: Path, url: str) -> Iterator[Page]:
    """Open its page, live."""
    with drive(tmp_path / "profile") as one:
        one.look()
        one.open(url)
        one.wait_for(LIVE)
        yield one


def fill(double: FirstPromoterDouble) -> None:
    """Let one of each thing arrive."""
    tid = double.click("anna", "127.0.0.1").tid
    lead = {"email": "kim@example.com", "uid": "u-7", "ip": "93.184.216.34"}
    signup(double, tid=tid, created_at="2026-11-02T09:00:00Z", **lead)
    call(double, "sale", uid="u-7", event_id="in_1", amount=4900, currency="EUR")
    call(double, "refund", uid="u-7", event_id="re_1", amount=900)
    call(double, "cancellation", uid="a-customer-of-no-promoter-with-a-very-long-name-" * 3)
    for _ in range(5):
        signup(double, email="lou@example.com", tid=UNKNOWN, ip="10.0.0.1")
    double.signup(HEADERS | {"Account-ID": "another-project"}, b'{"email": "noa@example.com"}')
    double.trouble = Trouble("500", next=1)
    signup(double, email="mika@example.com", tid=tid)


def shows(page: Page, text: str) -> None:
    """Wait until the list's e-mails are these."""
    page.wait_for(f"{EMAILS} === {json.dumps(text)}")


def test_what_arrives_is_seen_at_once(page: Page, double: FirstPromoterDouble) -> None:
    """A row comes, is marked for a second, and what was open and where one was stays."""
    for number in range(40):
        signup(double, email=f"{number}@example.com", ref_id="anna")
    page.wait_for(f"{ROWS}.length === 40 && !document.querySelector('.row.new')")
    page.run(f"{ROWS}[30].querySelector('summary').click()")
    page.run(f"{ROWS}[30].querySelector('summary').focus()")
    page.run("window.scrollTo(0, document.body.scrollHeight)")
    where = "Math.round(document.querySelector('.row details[open]').getBoundingClientRect().top)"
    before = page.run(where)
    page.run(SEE_MARKS)

    signup(double, email="kim@example.com", ref_id="anna")

    page.wait_for(f"{ROWS}[0].textContent.includes('kim@example.com')")
    page.wait_for("window.marked")
    assert page.run(where) == before
    assert page.run(
        "document.activeElement.closest('.row').querySelector('.email').textContent"
    ) == ("9@example.com")
    assert page.run("document.getElementById('newest').textContent").startswith("kim@example.com")
    page.wait_for("!document.querySelector('.row.new')")
    assert page.run("document.title").startswith("41 leads")


def test_an_open_row_stays_open_when_its_event_comes_again(
    page: Page, double: FirstPromoterDouble
) -> None:
    """The row moves to the top with its inside shown and the focus on it."""
    signup(double, email="kim@example.com", tid=UNKNOWN)
    signup(double, email="lou@example.com", ref_id="anna")
    shows(page, "lou@example.com kim@example.com")
    page.run(f"{ROWS}[1].querySelector('summary').click()")
    page.run(f"{ROWS}[1].querySelector('summary').focus()")

    signup(double, email="kim@example.com", tid=UNKNOWN)

    shows(page, "kim@example.com lou@example.com")
    assert page.run(f"{ROWS}[0].querySelector('details').open")
    assert page.run(f"{ROWS}[0].contains(document.activeElement)")
    assert "404 \N{MULTIPLICATION SIGN} 2" in page.run(f"{ROWS}[0].textContent")


def test_the_list_is_searched_while_one_types(page: Page, double: FirstPromoterDouble) -> None:
    """What matches stays, goes on live, and stands in the address for a reload."""
    fill(double)
    page.wait_for(f"{ROWS}.length === 7")

    page.run("document.querySelector('[name=q]').focus()")
    page.write("lou@")
    shows(page, "lou@example.com")
    counted = "document.querySelector('.count').textContent"
    page.wait_for(f"{counted} === '1 of 7 events · 11 calls · 1 visit'")
    assert page.run("location.search") == "?q=lou%40"
    signup(double, email="lou@example.com", ref_id="anna")
    signup(double, email="noa@example.com", ref_id="anna")
    shows(page, "lou@example.com lou@example.com")

    page.open(page.run("location.href"))
    page.wait_for(LIVE)
    shows(page, "lou@example.com lou@example.com")


def test_trouble_is_one_click(page: Page, double: FirstPromoterDouble) -> None:
    """The button says what the next calls get, and 200 ends it."""
    page.press("500")
    page.wait_for("document.getElementById('answer-500').ariaPressed === 'true'")
    assert page.run("document.getElementById('now').textContent") == "Now: 500 to every call"
    assert signup(double, email="kim@example.com", ref_id="anna").status == 500
    page.wait_for(f"{ROWS}.length && {ROWS}[0].textContent.includes('500 comes again')")

    page.press("200")
    assert eventually(lambda: double.trouble is None)
    page.wait_for("document.getElementById('answer-200').ariaPressed === 'true'")


def test_a_clearing_is_counted_and_undone(page: Page, double: FirstPromoterDouble) -> None:
    """The button says how much goes; what went comes back."""
    fill(double)
    page.press("Clear 12")
    page.wait_for(f"{ROWS}.length === 0")
    assert double.attempts == ()
    assert page.run("document.getElementById('links').checkVisibility()")

    page.press("Undo, bring back 12")
    page.wait_for(f"{ROWS}.length === 7")
    assert len(double.attempts) == 11


def test_the_journey_walks_by_itself(page: Page, double: FirstPromoterDouble) -> None:
    """One click on an empty page shows what a whole story looks like, and folds the steps away."""
    assert page.run("document.getElementById('setup').open")
    page.press("Walk through it")

    page.wait_for(f"{ROWS}.length === 3")
    assert page.run("document.getElementById('steps').textContent") == ""
    assert not page.run("document.getElementById('setup').open")
    assert "anna" in page.run("document.getElementById('promoters').textContent")


def test_the_keyboard_is_enough(page: Page, double: FirstPromoterDouble) -> None:
    """Every control is reached by Tab, in order; rows by arrows, opened by Enter."""
    fill(double)
    page.wait_for(f"{ROWS}.length === 7 && !document.querySelector('.row.new')")
    page.run("document.activeElement.blur()")
    page.run("window.scrollTo(0, 0)")
    visited: list[str] = []
    for _ in range(60):
        page.key("Tab")
        visited.append(page.run(FOCUSED))
        if visited[-1].startswith("call-"):
            break

    wanted = ("theme", "Connect your app", "answer-200", "answer-nothing", "reset", "q", "kind")
    places = [visited.index(one) for one in wanted]
    assert places == sorted(places)
    assert visited[-1].startswith("call-")
    page.key("ArrowDown")
    page.key("Enter")
    page.wait_for(f"{ROWS}[1].querySelector('details').open")
    page.key("ArrowUp")
    assert page.run(f"{ROWS}[0].querySelector('summary') === document.activeElement")
    outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("dark", [False, True])
def test_the_scheme_is_the_systems_until_it_is_switched(page: Page, dark: bool) -> None:
    """Light and dark follow the system; the switch overrules it, and is remembered."""
    ground = "getComputedStyle(document.body).backgroundColor"
    colours = {False: "rgb(246, 246, 249)", True: "rgb(21, 22, 28)"}
    page.look(dark=dark)
    assert page.run(ground) == colours[dark]

    page.press("Theme: system")
    assert page.run(ground) == colours[False]
    page.press("Theme: light")
    assert page.run(ground) == colours[True]
    page.open(page.run("location.href"))
    page.wait_for("document.getElementById('theme').textContent === 'Theme: dark'")
    assert page.run(ground) == colours[True]


@pytest.mark.parametrize("width", [320, 375, 640, 1000])
def test_nothing_scrolls_sideways(page: Page, double: FirstPromoterDouble, width: int) -> None:
    """With every row open, whatever stands in it."""
    fill(double)
    page.look(width=width)
    page.wait_for(f"{ROWS}.length === 7")
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run(SCROLLS) == 0
    assert page.run(OUTSIDE) == 0


def test_a_phone_shows_cards(page: Page, double: FirstPromoterDouble) -> None:
    """E-mail and outcome first, promoter, address and time below them."""
    fill(double)
    page.look(width=375)
    page.wait_for(f"{ROWS}.length === 7")
    kim = f"{ROWS}.find(r => r.textContent.includes('kim@example.com sign-up'))"
    top = f"(part => {kim}.querySelector(part).getBoundingClientRect().top)"

    assert page.run("getComputedStyle(document.querySelector('.heads')).display") == "none"
    tops = [page.run(f"{top}('{part}')") for part in (".email", ".promoter", ".when")]
    assert tops[0] < tops[1] == pytest.approx(tops[2], abs=6)


def test_a_phone_shows_what_arrived_first(page: Page, double: FirstPromoterDouble) -> None:
    """Trouble is folded, what it does is said; no ordinary address is torn apart."""
    for email in ("kim@example.com", "kim-of-the-accounting@example.com"):
        signup(double, email=email, tid=UNKNOWN, ip="203.0.113.7")
    page.look(width=390)
    page.wait_for(f"{ROWS}.length === 2")
    double.trouble = Trouble("500", next=1)

    assert not page.run("document.getElementById('answer-500').checkVisibility()")
    page.wait_for("document.getElementById('now').checkVisibility()")
    double.trouble = None
    page.wait_for("!document.getElementById('now').textContent")
    assert page.run(f"{ROWS}[0].getBoundingClientRect().top + scrollY") < 520
    lines = f"{ROWS}.map(row => ({LINES})(row.querySelector('.email')))"
    assert page.run(lines) == [2, 1]
    page.look()
    page.wait_for("document.getElementById('answer-500').checkVisibility()")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [375, 1200])
def test_axe_finds_nothing(page: Page, double: FirstPromoterDouble, dark: bool, width: int) -> None:
    """Contrast, names, roles, order of headings: no finding, empty or full, folded or open."""
    page.run(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    page.look(width=width, dark=dark)
    assert page.settle(AXE) == []
    fill(double)
    page.wait_for(f"{ROWS}.length === 7 && !document.querySelector('.row.new')")
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert page.settle(AXE) == []


def test_the_end_is_said_and_the_return_noticed(
    tmp_path: Path, double: FirstPromoterDouble
) -> None:
    """An open page says that the sandbox has stopped, and goes on with the next one."""
    with drive(tmp_path / "profile") as page:
        with serving(double) as url:
            page.open(url)
            page.wait_for(LIVE)
            signup(double, email="kim@example.com", ref_id="anna")
            shows(page, "kim@example.com")
        page.wait_for("document.getElementById('state').textContent === 'sandbox stopped'")

        again = FirstPromoterDouble(ref_ids=["anna"])
        signup(again, email="lou@example.com", ref_id="anna")
        with serving(again, port=int(url.rpartition(":")[2])):
            page.wait_for(LIVE)
            shows(page, "lou@example.com")


def test_the_page_is_read_without_scripts(
    tmp_path: Path, double: FirstPromoterDouble, url: str
) -> None:
    """The list is there, rows open, and no button promises what only a script does."""
    fill(double)
    with drive(tmp_path / "profile") as page:
        page.without_scripts()
        page.open(url)
        page.wait_for(f"{ROWS}.length === 7")
        page.run(f"{ROWS}[0].querySelector('summary').click()")

        assert page.run(f"{ROWS}[0].querySelector('details').open")
        assert page.run(HIDDEN)
        assert page.run("document.getElementById('state').textContent").startswith("a picture")


def test_a_hostile_lead_runs_nothing(page: Page, double: FirstPromoterDouble) -> None:
    """What is pushed is escaped like what is loaded."""
    attack = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    fields: dict[str, Any] = dict.fromkeys(("email", "uid", "ip", "created_at", attack), attack)
    signup(double, ref_id="anna", **fields)
    signup(double, ref_id="anna", email=attack, uid=attack, ip=attack)

    page.wait_for(f"{ROWS}.length === 2")
    page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")

    assert page.run("document.querySelectorAll('#rows img, #rows script').length") == 0
    assert becomes(lambda: page.run("document.title"), "1 leads, 0 sales · FirstPromoter sandbox")
