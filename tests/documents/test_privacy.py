"""docs/privacy.md: its hooks, and what it says is listed."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from fprom_middleware import Fprom, TrackingContext
from fprom_middleware.account import MAX_AGE
from fprom_middleware.events.kinds import EVENTS
from fprom_middleware.outbox.purge import KEEP_REJECTED_SECONDS
from fprom_middleware.visitor.cookies import LEGACY_REF_NAME, LEGACY_TID_NAME, REF_NAME, TID_NAME
from fprom_middleware.visitor.keep_cookie import LINK_DAYS
from tests.documents.recipes.documents import DOCS, block
from tests.support.accounts import Account, make_settings
from tests.support.clock import DAY
from tests.support.visits import COOKIE, EMAIL, TID, visit_by_wsgi

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock

TEXT = DOCS.joinpath("privacy.md").read_text(encoding="utf-8")


def hook(first_line: str, name: str) -> Any:
    """Return a hook of the document."""
    names: dict[str, Any] = {}
    exec(block("privacy.md", "python", first_line), names)  # noqa: S102 - that is the point
    return names[name]


def test_before_send(fprom: FpromMock) -> None:
    """The staff is dropped, and an id of one's own takes the place of the e-mail address."""
    account = Fprom(make_settings(before_send=hook("from dataclasses", "before_send")))
    visitor = TrackingContext(TID)
    account.track_signup(visitor, EMAIL, uid="7")
    fprom.assert_lead(email=None, uid="7")
    assert account.track_signup(visitor, "boss@shop.example").reason == "dropped"
    account.track_signup(visitor, "anna@tea.example")
    fprom.assert_lead(email="anna@tea.example")


@pytest.mark.parametrize(
    ("cookie", "reason"),
    [
        ("consent=yes", None),
        ("a=1; consent=yes", None),
        ("consent=no", "no_consent"),
        ("xconsent=yes", "no_consent"),
        ("", "no_consent"),
    ],
)
def test_may_track(cookie: str, reason: str | None) -> None:
    """The banner's cookie decides."""
    account = Account(consent=hook("def may_track", "may_track"))
    connection = visit_by_wsgi(account.fprom, cookie=f"_fprom_tid={TID}; {cookie}").connection
    assert account.fprom.track_signup(connection, EMAIL).reason == reason


def test_what_is_listed() -> None:
    """Every cookie's name, every field of an event, and the times that the code keeps to."""
    names = (TID_NAME, REF_NAME, LEGACY_TID_NAME, LEGACY_REF_NAME, COOKIE)
    sent = {field.name for kind in EVENTS.values() for field in fields(kind)}
    for name in (*names, *sorted(sent)):
        assert f"`{name}`" in TEXT
    assert f"with links alone {LINK_DAYS}" in TEXT
    assert f"by default {MAX_AGE // DAY} days" in TEXT
    assert f"a rejected one {int(KEEP_REJECTED_SECONDS) // DAY} days" in TEXT
