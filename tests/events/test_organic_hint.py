"""A developer's sign-up that had no cookie."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from fprom_middleware import TrackingContext
from tests.support.accounts import Account

if TYPE_CHECKING:
    from fprom_middleware.testing import FpromMock


@pytest.mark.parametrize(
    ("base_url", "told"),
    [("http://127.0.0.1:8750/api/v2/track", True), ("https://api.example.com/track", False)],
)
def test_it_is_told_while_the_api_is_on_this_machine(
    *, base_url: str, told: bool, fprom: FpromMock, caplog: pytest.LogCaptureFixture
) -> None:
    """Most visitors of a real site are organic, and none of them is worth a line there."""
    account = Account(base_url=base_url)
    receipt = account.fprom.track_signup(TrackingContext(), "kim@example.com")

    assert receipt.reason == "organic"
    fprom.assert_no_leads()
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * told
    assert ("?fpr=" in caplog.text) == told
    assert "kim" not in caplog.text
