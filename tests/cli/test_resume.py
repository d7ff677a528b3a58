"""A pause ends where its cause is put right: by a command, or by a test lead that is let in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk
    from tests.support.api import LoopbackApi


@pytest.fixture
def paused(desk: Desk) -> Desk:
    """An account whose key was refused while a lead waits."""
    desk.put("ann@example.com")
    desk.api.says = 401
    desk.fprom.drain()
    desk.api.says = 200
    assert sum(desk.fprom.drain().values()) == 0
    return desk


def test_resume_ends_a_pause_at_once(paused: Desk) -> None:
    """And says that it did."""
    assert paused("resume").startswith("resumed: ")
    assert "paused" not in paused("outbox")
    assert paused("drain") == "sent 1, duplicate 0, skipped 0, rejected 0, due later 0; 0 pending\n"
    assert paused("resume") == "nothing is paused\n"


def test_resume_ends_every_kind_of_pause(desk: Desk) -> None:
    """A busy API may be known to be free again."""
    desk.put("ann@example.com")
    desk.api.says = 429
    desk.fprom.drain()
    desk.api.says = 200

    assert desk("resume").startswith("resumed: ")
    assert desk.fprom.stats().paused is None


@pytest.mark.parametrize(
    ("status", "code", "lifted"),
    [(200, 0, True), (422, 0, True), (404, 0, True), (401, 1, False), (503, 1, False)],
)
def test_a_test_lead_that_is_let_in_ends_the_pause(
    status: int, code: int, *, lifted: bool, paused: Desk, loopback: LoopbackApi
) -> None:
    """Without --tid too; what was not let in proves nothing."""
    loopback.says = status

    told = paused("check", "--send", code=code, base_url=loopback.url)

    assert ("the pause for these credentials is over" in told) is lifted
    assert (paused.fprom.stats().paused is None) is lifted
    assert paused.fprom.drain()["sent"] == int(lifted)


def test_a_test_lead_does_not_end_another_pause(desk: Desk, loopback: LoopbackApi) -> None:
    """That of a busy API, or of other credentials."""
    desk.put("ann@example.com")
    desk.api.says = 429
    desk.fprom.drain()

    desk("check", "--send", base_url=loopback.url)
    desk("check", "--send", base_url=loopback.url, api_key="another-key")

    assert desk.fprom.stats().paused == "rate_limited"


def test_a_look_without_the_key_sees_the_pause(paused: Desk) -> None:
    """It cannot know whose credentials would be sent."""
    assert "paused since" in paused("outbox", api_key="(missing)")
