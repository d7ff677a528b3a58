"""Whose pages may call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.script_proxy.same_site import is_same_site

HOST = "shop.example"


def header_of(**headers: str) -> Any:
    """Look headers up as the doors do."""
    return lambda name: headers.get(name.replace("-", "_"), "")


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("", True),
        ("same-origin", True),
        ("same-site", True),
        ("none", True),
        (" Same-Origin ", True),
        ("cross-site", False),
        ("CROSS-SITE", False),
        ("same-origin, cross-site", False),
        ("same-origin,same-origin", False),
        ("whatever", False),
    ],
)
def test_what_browsers_say_of_the_site(site: str, expected: bool) -> None:
    """A value that is not known is no consent to anything."""
    assert is_same_site(header_of(sec_fetch_site=site), HOST) is expected


@pytest.mark.parametrize(
    ("origin", "hosts", "expected"),
    [
        ("https://shop.example", HOST, True),
        ("http://shop.example", HOST, True),
        ("https://SHOP.example", HOST, True),
        ("https://shop.example:8443", HOST, True),
        ("https://shop.example", "shop.example:8000", True),
        ("https://shop.example", "shop.example.", True),
        ("https://shop.example", "internal:8000,shop.example", True),
        ("https://shop.example", "internal:8000, shop.example , x", True),
        ("http://[::1]:5000", "[::1]:5000", True),
        ("http://127.0.0.1:5000", "127.0.0.1:5000", True),
        ("https://evil.example", HOST, False),
        ("https://shop.example.evil.example", HOST, False),
        ("https://evil-shop.example", HOST, False),
        ("https://www.shop.example", HOST, False),
        ("null", HOST, False),
        ("shop.example", HOST, False),
        ("//shop.example", HOST, False),
        ("chrome-extension://shop.example", HOST, False),
        ("https://", HOST, False),
        ("https://", "", False),
        ("https://.", ".", False),
        ("https://[::1", "[::1", False),
        ("https://shop.example, https://evil.example", HOST, False),
        ("https://shop.example,https://shop.example", HOST, False),
        ("https://evil.example@shop.example", HOST, False),
        ("https://shop.example/", HOST, False),
        ("https://evil.example#shop.example", HOST, False),
        ("https://shop.example\\.evil.example", HOST, False),
        ("https://shop.exa\u00admple", "shop.exa\u00admple", False),
        ("https://shop.example\x00", HOST, False),
        ("https://shop.example", "", False),
    ],
)
def test_what_an_origin_says(origin: str, hosts: str, expected: bool) -> None:
    """The host's name decides; what is not one origin is a foreign one."""
    assert is_same_site(header_of(origin=origin), hosts) is expected


def test_both_are_asked() -> None:
    """A foreign origin is refused whatever the other header says, and the other way round."""
    own = "https://shop.example"
    assert is_same_site(header_of(origin=own, sec_fetch_site="same-origin"), HOST)
    assert not is_same_site(header_of(origin=own, sec_fetch_site="cross-site"), HOST)
    foreign = header_of(origin="https://evil.example", sec_fetch_site="same-origin")
    assert not is_same_site(foreign, HOST)


NAMES = st.from_regex(r"[a-c]{1,2}(\.[a-c]{1,2}){0,2}", fullmatch=True)


@given(NAMES, NAMES)
def test_another_name_is_another_site(mine: str, theirs: str) -> None:
    """Also where one ends or begins as the other does."""
    assert is_same_site(header_of(origin=f"https://{theirs}"), mine) is (mine == theirs)


@given(st.text(), st.text(), st.text())
def test_any_text_has_an_answer(origin: str, site: str, hosts: str) -> None:
    """Nothing raises."""
    assert is_same_site(header_of(origin=origin, sec_fetch_site=site), hosts) in {True, False}
