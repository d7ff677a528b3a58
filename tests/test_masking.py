"""How personal data looks in a repr or a log line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fprom_middleware.masking import mask_email, mask_ip, mask_tail, mask_url, printable


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        (None, None),
        ("anna@example.com", "a***@example.com"),
        ("a@b", "a***@b"),
        ("a@b@example.com", "a***@example.com"),
        ("anna", "***"),
        ("", "***"),
        ("@example.com", "***"),
        ("anna@", "a***@"),
        ("a\r\nX: y@exam\r\nple.com", "a***@exam\\r\\nple.com"),
        ("\u20ac@example.com", "\\u20ac***@example.com"),
        ("\udc80@example.com", "\\udc80***@example.com"),
        ("anna@" + "x" * 1000, "a***@" + "x" * 64),
    ],
)
def test_an_email_keeps_its_first_letter_and_domain(
    email: str | None, expected: str | None
) -> None:
    """The local part is hidden, and the whole stays one short printable line."""
    assert mask_email(email) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", "…"),
        ("anna", "…"),
        ("elevenchars", "…"),
        ("twelve-chars", "…hars"),
        ("f3a1b2c4-1111-4222-8333-abcdefab1234", "…1234"),
        ("xxxxxxxxxxxx\r\n\x00\u20ac", "…\\r\\n\\x00\\u20ac"),
    ],
)
def test_a_long_value_keeps_its_tail(value: str | None, expected: str | None) -> None:
    """The last four characters stay where they are a small part of the whole."""
    assert mask_tail(value) == expected


@pytest.mark.parametrize(
    ("ip", "expected"), [(None, None), ("93.184.216.34", "IPv4"), ("2001:db8::1", "IPv6")]
)
def test_an_address_keeps_its_version(ip: str | None, expected: str | None) -> None:
    """Nothing of an address is shown."""
    assert mask_ip(ip) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///shop/outbox.db", "sqlite:///shop/outbox.db"),
        ("postgresql://user:secret@db:5432/shop", "postgresql://db:5432/shop"),
        ("postgresql://db/shop?password=secret", "postgresql://db/shop"),
        ("postgresql://user:sec@ret@db/shop", "postgresql://…"),
        ("postgresql://db/shop?password=sec@ret", "postgresql://…"),
        ("django:default", "django:default"),
    ],
)
def test_a_url_keeps_its_place_and_no_secret(url: str, expected: str) -> None:
    """An alias of Django's hides all that there is to hide."""
    assert mask_url(url) == expected


@given(st.text())
def test_printable_text_is_one_line_that_no_terminal_obeys(text: str) -> None:
    """Every character that is not printable is escaped; the others stay as they are."""
    shown = printable(text)

    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert not text.isprintable() or shown == text


@given(st.text())
def test_any_text_is_masked_to_one_line(text: str) -> None:
    """Whatever a visitor typed ends as one line that any log file can hold."""
    for masked in (mask_email(text), mask_tail(text)):
        assert masked is not None
        assert len(masked.splitlines()) == 1
        masked.encode("utf-8")
