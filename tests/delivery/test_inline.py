"""Inline delivery over a real socket: one call, one receipt, one word to the hook."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import pytest

from fprom_middleware import Fprom, FpromSettings, Lead, Receipt, Status, TrackingContext
from fprom_middleware.events.receipt import Reason
from tests.support.misbehaving import PATIENCE, SENT, answer, compose, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.misbehaving import Talk

CONTEXT = TrackingContext(tid="tid-of-the-visitor", ip="203.0.113.77")
BACKENDS = ["asyncio", "trio"]
ANSWERS = [
    (200, SENT, Status.SENT, None),
    (422, b"", Status.DUPLICATE, None),
    (400, b"", Status.REJECTED, Reason.BAD_REQUEST),
    (404, b"{}", Status.REJECTED, Reason.UNKNOWN_VISITOR),
    (404, b"", Status.FAILED, Reason.UNEXPECTED),
    (503, b"", Status.FAILED, Reason.SERVER_ERROR),
]


def make_fprom(url: str, hook: Callable[[Lead, Receipt], None] | None = None) -> Fprom:
    """An account that delivers inside the view."""
    return Fprom(
        FpromSettings(
            api_key="key-of-the-account",
            account_id="account-7",
            base_url=url,
            delivery="inline",
            on_outcome=hook,
        )
    )


async def sign_up_and_close(fprom: Fprom) -> Receipt:
    """One sign-up on an event loop."""
    receipt = await fprom.track_signup_async(CONTEXT, "a@b.c")
    await fprom.aclose()
    return receipt


@pytest.mark.parametrize("kind", ["sync", *BACKENDS])
@pytest.mark.parametrize(("code", "body", "status", "reason"), ANSWERS)
def test_the_receipt_says_what_the_api_said(
    kind: str, code: int, body: bytes, status: Status, reason: Reason | None
) -> None:
    """Every outcome is final here: nothing is kept, and the hook hears of it once."""
    heard: list[tuple[Lead, Receipt]] = []
    with serving(answer(code, body)) as server:
        fprom = make_fprom(server.url, lambda lead, receipt: heard.append((lead, receipt)))
        if kind == "sync":
            receipt = fprom.track_signup(CONTEXT, "a@b.c")
            fprom.close()
        else:
            receipt = anyio.run(sign_up_and_close, fprom, backend=kind)
    assert (receipt.status, receipt.reason, receipt.durable) == (status, reason, False)
    assert receipt.lead is not None
    assert receipt.lead.tid == "tid-of-the-visitor"
    assert heard == [(receipt.lead, receipt)]


def test_a_hook_that_raises_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The lead's fate is sealed; the log names the setting and the type alone."""

    def explode(lead: Lead, receipt: Receipt) -> None:
        raise ZeroDivisionError(lead.email)

    with serving(answer(200, SENT)) as server:
        fprom = make_fprom(server.url, explode)
        assert fprom.track_signup(CONTEXT, "a@b.c").status is Status.SENT
        fprom.close()
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert "FPROM_ON_OUTCOME" in record.getMessage()
    assert "a@b.c" not in record.getMessage()


def test_there_is_no_background() -> None:
    """Whatever asks for one finds nothing to do: a health endpoint, a cron job, the middleware."""
    fprom = make_fprom("http://127.0.0.1:9")
    fprom.start_worker()
    assert set(fprom.drain(limit=1, seconds=1, wait=True).values()) <= {0}
    assert fprom.stats().pending == 0
    fprom.close()


def test_an_account_is_closed_twice_and_used_again() -> None:
    """close() ends connections, not the object."""
    with serving(answer(200, SENT)) as server:
        fprom = make_fprom(server.url)
        for _ in range(2):
            assert fprom.track_signup(CONTEXT, "a@b.c").status is Status.SENT
            fprom.close()
            fprom.close()
        assert len(server.talks) == 2


@pytest.mark.parametrize("second", BACKENDS)
@pytest.mark.parametrize("first", BACKENDS)
def test_one_account_serves_one_loop_after_the_other(first: str, second: str) -> None:
    """Closed in between, as each app's end does."""
    with serving(answer(200, SENT)) as server:
        fprom = make_fprom(server.url)
        for backend in (first, second):
            receipt = anyio.run(sign_up_and_close, fprom, backend=backend)
            assert receipt.status is Status.SENT
        assert len(server.talks) == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_view_is_let_go_and_its_lead_sent(backend: str) -> None:
    """The API may take its time; the hook hears what came of it."""
    asked, answered, heard = threading.Event(), threading.Event(), list[Receipt]()

    def wait(talk: Talk) -> None:
        talk.read()
        asked.set()
        answered.wait(PATIENCE)
        talk.send(compose(200, SENT))

    async def main(fprom: Fprom) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fprom.track_signup_async, CONTEXT, "a@b.c")
            assert await anyio.to_thread.run_sync(asked.wait, PATIENCE)
            group.cancel_scope.cancel()
        answered.set()

    with serving(wait) as server:
        fprom = make_fprom(server.url, lambda _, receipt: heard.append(receipt))
        anyio.run(main, fprom, backend=backend)
        assert eventually(lambda: [receipt.status for receipt in heard] == [Status.SENT])
        fprom.close()
