"""docs/blocked-visitors.md: its tag is the one that templates write, its figures are the code's."""

from __future__ import annotations

import re

import pytest

from fprom_middleware.script_proxy import asgi, wsgi
from fprom_middleware.script_proxy.calls import MAX_BODY, Route
from fprom_middleware.script_proxy.limits import BURST, PAUSE_SECONDS, PER_SECOND, SLOW_TO_PAUSE
from fprom_middleware.script_proxy.vendor import MAX_ANSWER, SCRIPT_URLS, SECONDS, TRACKER
from fprom_middleware.snippet import fprom_script
from tests.support.accounts import make_settings
from tests.support.programs import ROOT

PAGE = ROOT.joinpath("docs/blocked-visitors.md").read_text("utf-8")
FLAT = " ".join(PAGE.split())


def test_the_tag_is_what_templates_write() -> None:
    """By the account and the path that the page has."""
    (tag,) = re.findall(r"^```html\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    settings = make_settings(account_id="YOUR-ACCOUNT-ID", script_proxy="/partners")
    assert tag.replace("\n", "") == fprom_script(settings)


def test_the_addresses_are_the_code_s() -> None:
    """All that is called, and nothing else is named as an address of the vendor's."""
    called = {*SCRIPT_URLS, *(TRACKER + route.path for route in Route if route is not Route.SCRIPT)}
    named = set(re.findall(r"`(https://\w+\.firstpromoter\.com[^`]*)`", PAGE))
    assert named == called


@pytest.mark.parametrize(
    "said",
    [
        f"A body over {MAX_BODY // 1024} kB".lower(),
        f"more than {BURST} calls at once, or {PER_SECOND:g} a second",
        f"an answer over {MAX_ANSWER // 1024} kb",
        {2.0: "a call takes two seconds at the most"}[SECONDS],
        {8: "eight at once"}[asgi.SLOTS],
        {2: "a process makes two calls at once"}[wsgi.SLOTS],
        {(3, 5.0): "after three slow calls in a row none is made for five seconds"}[
            (SLOW_TO_PAUSE, PAUSE_SECONDS)
        ],
    ],
)
def test_the_figures_are_the_code_s(said: str) -> None:
    """Each bound that the page names."""
    assert said in FLAT.lower()
