"""The example shops while the API cannot be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Shop

TID = "0b7f5f9e-3c83-4d1c-9f0e-5d2a6a1e8c11"


def test_registration_succeeds(cut_off_shop: Shop, email: str) -> None:
    """A referred visitor gets an account, and the log keeps quiet about who."""
    answer = cut_off_shop.register(email, cookie=f"_fprom_tid={TID}", forwarded="203.0.113.7")
    assert answer.status_code == 303
    assert email in cut_off_shop.users()
    output = cut_off_shop.server.output()
    assert "Traceback" not in output
    for secret in (email, TID, "sandbox-key"):
        assert secret not in output
