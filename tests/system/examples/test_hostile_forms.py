"""What a hostile browser can send to the registration forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from .conftest import Sandbox, Shop


@pytest.mark.parametrize(
    "typed",
    [
        "<script>alert(1)</script>@example.com",
        '"><script>alert(1)</script>',
        "'\"><img src=x onerror=alert(1)>@example.com",
        "a" * 10_000 + "@example.com",
        "a@" + "b." * 5_000 + "com",
        "anna\0@example.com",
        "anna@example.com\r\nBcc: all@example.com",
        "anna@localhost",
        "anna",
        "",
        "аnna@еxample.com",  # noqa: RUF001 - Cyrillic letters that look like Latin ones
        "{{ 7 * 7 }}@example.com{% raw %}",
        "\N{GRINNING FACE}@example.com",
    ],
)
def test_bad_email_is_refused_and_escaped(shop: Shop, typed: str) -> None:
    """A bad address gives a page that says so, with nothing of it as markup."""
    answer = shop.register(typed)
    assert answer.status_code == 422
    assert 'id="email-mistake"' in answer.text
    for markup in ("<script>alert", "<img", "49@", "\0"):
        assert markup not in answer.text
    assert len(answer.text) < 10_000
    assert typed not in shop.users()


@pytest.mark.parametrize("password", ["", "short", "x" * 129])
def test_bad_password_is_refused(shop: Shop, email: str, password: str) -> None:
    """A password that is too short or too long is refused, and never shown again."""
    answer = shop.register(email, password=password)
    assert answer.status_code == 422
    assert 'id="password-mistake"' in answer.text
    assert not password or password not in answer.text
    assert email not in shop.users()


def test_second_account_is_refused(shop: Shop, sandbox: Sandbox, email: str) -> None:
    """An address that has an account is refused in any case, and nothing is sent for it."""
    assert shop.register(email).status_code == 303
    answer = shop.register(email.upper(), cookie=f"_fprom_tid={sandbox.click()}")
    assert answer.status_code == 409
    assert "There is an account with this e-mail address already." in answer.text
    assert not sandbox.heard_of(email)
    assert not sandbox.heard_of(email.upper())


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"email=%ff%00%zz&email=x&password=%"),
        ("application/x-www-form-urlencoded", b"&&&===;;;"),
        ("application/json", b'{"email": "anna@example.com"}'),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: nonsense\r\n\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="email"; filename="x"\r\n\r\n\r\n--b--',
        ),
        ("application/x-www-form-urlencoded", b"email=" + b"a" * 70_000),
        ("application/x-www-form-urlencoded", b"a=b&" * 10_000),
    ],
    ids=["empty", "bytes", "noise", "json", "boundary", "header", "upload", "large", "many"],
)
def test_odd_body_is_refused(shop: Shop, content_type: str, body: bytes) -> None:
    """A body that is no filled-in form is the client's mistake, never a server error."""
    answer = httpx.post(
        f"{shop.server.url}/register",
        content=body,
        headers={"Content-Type": content_type},
        trust_env=False,
    )
    assert 400 <= answer.status_code < 500


def test_body_without_a_length_is_no_server_error(shop: Shop) -> None:
    """A body in chunks, which no browser sends for a form, is refused or read as a form."""
    answer = httpx.post(
        f"{shop.server.url}/register",
        content=iter([b"email=anna", b"&password=x"]),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        trust_env=False,
    )
    assert 400 <= answer.status_code < 500
